import type { DatabaseSync } from 'node:sqlite';
import type { Forgetting } from '../../../gateway/flow/flow-memory.ts';
import type { FlowOrders } from '../flow-orders.ts';
import type { Connection } from './connection.ts';

/** An order is kept longer than anything is remembered that it could be about. Milliseconds. */
const keptMilliseconds = 400 * 86_400_000;

export function flowOrders({ database, write }: Connection): FlowOrders {
  const forget = database.prepare('DELETE FROM flow_orders WHERE until < ?');
  const put = database.prepare(
    `INSERT INTO flow_orders (family, person, until) VALUES (?, ?, ?)
     ON CONFLICT (family, person) DO UPDATE SET until = max(until, excluded.until)`,
  );
  return {
    put: (order) =>
      write((note) => {
        const { family, person, until } = order;
        forget.run(until - keptMilliseconds);
        put.run(family, person ?? '', until);
        note({ kind: 'flow-order', key: JSON.stringify([family, person]), value: order });
      }),
  };
}

export function listFlowOrders(database: DatabaseSync): readonly Forgetting[] {
  const rows = database
    .prepare('SELECT family, person, until FROM flow_orders ORDER BY family, person')
    .all();
  return rows.map((row) => {
    const { family, person, until } = row as { family: string; person: string; until: number };
    return { family, person: person === '' ? null : person, until };
  });
}
