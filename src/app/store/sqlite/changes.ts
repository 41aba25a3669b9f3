import type { Clock } from '../../../kernel/clock.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Change, ChangeFeed } from '../change-feed.ts';
import { listAgents } from './agents.ts';
import { toStanding } from './certificates.ts';
import type { Connection } from './connection.ts';
import { listFlowOrders } from './flow-orders.ts';
import { listTokenEnds } from './oauth-tokens.ts';
import { listPartners } from './partners.ts';
import { listServers } from './servers.ts';
import { listPins } from './tools.ts';

/** How many changes are kept for those who were away; the rest take a snapshot. */
const kept = 100_000;

/** The order of changes, and what they add up to. */
export function changeFeed(connection: Connection, clock: Clock): ChangeFeed {
  const { database, read } = connection;
  const last = database.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'changes'`);
  const oldest = database.prepare('SELECT min(sequence) AS sequence FROM changes');
  const after = database.prepare(
    'SELECT sequence, kind, key, value FROM changes WHERE sequence > ? ORDER BY sequence',
  );
  const standing = database.prepare(
    `SELECT serial, name, kind, state, not_after AS notAfter, der, hardware FROM certificates
     WHERE state IN ('issued', 'revoked') AND not_after > ? ORDER BY serial`,
  );
  const lastSequence = (): number => Number(last.get()?.['seq'] ?? 0);
  return {
    // Read without a pause, so that no write of this process comes between its parts.
    snapshot: () =>
      read(() => ({
        sequence: lastSequence(),
        certificates: standing
          .all(clock.now())
          .map((row) => toStanding(row as unknown as Parameters<typeof toStanding>[0])),
        agents: listAgents(database),
        servers: listServers(database),
        partners: listPartners(database),
        tokenEnds: listTokenEnds(database, clock.now()),
        flowOrders: listFlowOrders(database),
        tools: listPins(database),
      })),
    since: (sequence) =>
      read(() => {
        const first = Number(oldest.get()?.['sequence'] ?? lastSequence() + 1);
        if (sequence + 1 < first || sequence > lastSequence()) {
          throw new Fault('not_found', `The changes after ${sequence} are not kept. Take a snapshot.`);
        }
        return after.all(sequence).map((row) => toChange(row as unknown as ChangeRow));
      }),
    subscribe: connection.subscribe,
  };
}

/** Drops the changes that are too many to keep. */
export async function dropOldChanges(connection: Connection, keep = kept): Promise<void> {
  await connection.write(() => {
    connection.database
      .prepare('DELETE FROM changes WHERE sequence <= (SELECT max(sequence) FROM changes) - ?')
      .run(keep);
  });
}

interface ChangeRow {
  readonly sequence: number;
  readonly kind: Change['kind'];
  readonly key: string;
  readonly value: string | null;
}

function toChange(row: ChangeRow): Change {
  const value: unknown = row.value === null ? null : JSON.parse(row.value);
  return { sequence: row.sequence, kind: row.kind, key: row.key, value } as Change;
}
