import type { Clock } from '../../../kernel/clock.ts';
import { Fault } from '../../../kernel/fault.ts';
import { randomId } from '../../../kernel/random.ts';
import type { Connection } from '../connection.ts';
import type { ChangeRow } from '../records/changes.ts';
import { refuseEarlierClock } from '../refuse-earlier-clock.ts';
import { changeTeller } from '../tell-changes.ts';
import { all, one, type Work } from '../work.ts';
import { copyOut } from './copy-out.ts';
import { changesAfter, follow } from './follower.ts';
import { History } from './history.ts';
import { migratePostgres } from './migrate.ts';
import { type PostgresPlace, placeName } from './place.ts';
import { createReader } from './reader.ts';
import { openSession, type Purpose, type Session } from './session.ts';
import { statementNames } from './statement-names.ts';
import { storageFault } from './storage-fault.ts';
import { createWriter } from './writer.ts';

export interface PostgresConnection extends Connection, AsyncDisposable {
  /** Writes the whole state, as of one moment, into an empty file, as SQLite. */
  readonly copyOut: (file: string) => Promise<void>;
}

/**
 * Opens a PostgreSQL as the store, at the current schema. Faults `authority_missing` (only when `missing` is 'refuse'),
 * `authority_exists` for one that is not empty when `missing` is 'create', `state_newer`, `clock_behind`, `unavailable`,
 * `state_locked`.
 */
export async function openPostgres(options: {
  readonly place: PostgresPlace;
  readonly clock: Clock;
  readonly missing: 'create' | 'refuse';
  readonly log: (line: string) => void;
}): Promise<PostgresConnection> {
  const { place, clock, log } = options;
  const name = placeName(place);
  const names = statementNames();
  const teller = changeTeller();
  const history = new History(randomId(), teller.tell);
  history.begin(await prepare(() => openSession(place, 'write', names), options));
  const open = (purpose: Purpose) => async (): Promise<Session> => {
    const session = await openSession(place, purpose, names);
    try {
      await history.verify(session);
      return session;
    } catch (error) {
      session.end();
      throw error;
    }
  };
  const reader = createReader({ open: open('read'), history, name });
  const writer = createWriter({ open: open('write'), history, clock, name });
  const after = (sequence: number): Promise<readonly ChangeRow[]> =>
    reader.read(() => all((row: ChangeRow) => row, changesAfter, sequence));
  const follower = follow({ open: open('read'), history, clock, log, after });
  return {
    read: reader.read,
    readAtOnce: reader.readAtOnce,
    write: writer.write,
    isCurrent: follower.isCurrent,
    catchUp: follower.catchUp,
    subscribe: teller.subscribe,
    lastSequence,
    async copyOut(file) {
      const session = await open('read')();
      try {
        await copyOut(session, file);
      } finally {
        session.end();
      }
    },
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]();
      await follower[Symbol.asyncDispose]();
      reader[Symbol.dispose]();
    },
  };
}

/** Brings the database to the current schema, and gives the number of the last change. */
async function prepare(
  open: () => Promise<Session>,
  { place, clock, missing }: Parameters<typeof openPostgres>[0],
): Promise<number> {
  const name = placeName(place);
  let session: Session | null = null;
  try {
    session = await open();
    await migratePostgres(session, missing);
    const [found] = await session.query<{ last: number; at: number | null }>(
      'SELECT last, (SELECT max(at) FROM changes) AS at FROM change_number',
    );
    refuseEarlierClock(found?.at ?? null, name, clock);
    if (missing === 'create' && (found?.last ?? 0) > 0) {
      throw new Fault(
        'authority_exists',
        `${name} holds the state of an authority already. Choose an empty one.`,
      );
    }
    return found?.last ?? 0;
  } catch (error) {
    throw storageFault(error, name);
  } finally {
    session?.end();
  }
}

function* lastSequence(): Work<number> {
  return (yield* one((row: { readonly last: number }) => row.last, 'SELECT last FROM change_number')) ?? 0;
}
