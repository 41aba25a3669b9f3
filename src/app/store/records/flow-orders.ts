import type { Forgetting } from '../../../gateway/flow/flow-memory.ts';
import type { Connection } from '../connection.ts';
import type { FlowOrders } from '../flow-orders.ts';
import { all, run, type Work } from '../work.ts';

/** An order is kept longer than anything is remembered that it could be about. Milliseconds. */
const keptMilliseconds = 400 * 86_400_000;

const putOrder = `INSERT INTO flow_orders (family, person, until) VALUES (?, ?, ?)
  ON CONFLICT (family, person) DO UPDATE SET until = excluded.until WHERE excluded.until > flow_orders.until`;

export function flowOrders({ write }: Connection): FlowOrders {
  return {
    put: (order) =>
      write(function* (note) {
        const { family, person, until } = order;
        yield* run('DELETE FROM flow_orders WHERE until < ?', until - keptMilliseconds);
        yield* run(putOrder, family, person ?? '', until);
        note({ kind: 'flow-order', key: JSON.stringify([family, person]), value: order });
      }),
  };
}

export function listFlowOrders(): Work<readonly Forgetting[]> {
  return all(
    ({ family, person, until }: { family: string; person: string; until: number }) => ({
      family,
      person: person === '' ? null : person,
      until,
    }),
    'SELECT family, person, until FROM flow_orders ORDER BY family, person',
  );
}
