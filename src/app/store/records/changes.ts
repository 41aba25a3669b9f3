import type { Clock } from '../../../kernel/clock.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Change, ChangeFeed } from '../change-feed.ts';
import type { Connection } from '../connection.ts';
import { all, one, run, type Work } from '../work.ts';
import { listAgents } from './agents.ts';
import { toStanding } from './certificates.ts';
import { listFlowOrders } from './flow-orders.ts';
import { listPartners } from './partners.ts';
import { listServers } from './servers.ts';
import { listTokenEnds } from './token-ends.ts';
import { listPins } from './tools.ts';

/** How many changes are kept for those who were away; the rest take a snapshot. */
const kept = 100_000;

const standing = `SELECT serial, name, kind, state, not_after AS "notAfter", der, hardware FROM certificates
  WHERE state IN ('issued', 'revoked') AND not_after > ? ORDER BY serial`;
const later = 'SELECT sequence, kind, key, value FROM changes WHERE sequence > ? ORDER BY sequence';

/** The order of changes, and what they add up to. */
export function changeFeed(connection: Connection, clock: Clock): ChangeFeed {
  const { readAtOnce, lastSequence } = connection;
  return {
    snapshot: () =>
      readAtOnce(function* () {
        const now = clock.now();
        return {
          sequence: yield* lastSequence(),
          certificates: yield* all(toStanding, standing, now),
          agents: yield* listAgents(),
          servers: yield* listServers(),
          partners: yield* listPartners(),
          tokenEnds: yield* listTokenEnds(now),
          flowOrders: yield* listFlowOrders(),
          tools: yield* listPins(),
        };
      }),
    since: (sequence) =>
      readAtOnce(function* () {
        const last = yield* lastSequence();
        const first = (yield* firstSequence()) ?? last + 1;
        if (sequence + 1 < first || sequence > last) {
          throw new Fault('not_found', `The changes after ${sequence} are not kept. Take a snapshot.`);
        }
        return yield* all(toChange, later, sequence);
      }),
    isCurrent: connection.isCurrent,
    catchUp: connection.catchUp,
    subscribe: connection.subscribe,
  };
}

function firstSequence(): Work<number | null> {
  return one(
    (row: { readonly sequence: number | null }) => row.sequence,
    'SELECT min(sequence) AS sequence FROM changes',
  );
}

/** Drops the changes that are too many to keep. */
export async function dropOldChanges({ write }: Connection, keep = kept): Promise<void> {
  await write(() =>
    run('DELETE FROM changes WHERE sequence <= (SELECT max(sequence) FROM changes) - ?', keep),
  );
}

/** A change as it is kept. */
export interface ChangeRow {
  readonly sequence: number;
  readonly kind: Change['kind'];
  readonly key: string;
  readonly value: string | null;
}

/** A change as it is told. */
export function toChange(row: ChangeRow): Change {
  const value: unknown = row.value === null ? null : JSON.parse(row.value);
  return { sequence: row.sequence, kind: row.kind, key: row.key, value } as Change;
}
