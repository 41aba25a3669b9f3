import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../../kernel/clock.ts';
import type { Change } from '../change-feed.ts';
import type { Connection, NewChange } from '../connection.ts';
import { changeTeller } from '../tell-changes.ts';
import { one, type Work } from '../work.ts';
import { groupCommit } from './group-commit.ts';
import { performer } from './perform.ts';
import { guarded } from './storage-fault.ts';

/** The connection to an embedded database, and how to do now what was to be written soon. */
export interface SqliteConnection extends Connection {
  readonly flush: () => void;
}

export function connect(options: {
  readonly database: DatabaseSync;
  readonly file: string;
  readonly clock: Clock;
}): SqliteConnection {
  const { database, file, clock } = options;
  const insert = database.prepare('INSERT INTO changes (at, kind, key, value) VALUES (?, ?, ?, ?)');
  const group = groupCommit(database, file);
  const perform = performer(database);
  const teller = changeTeller();
  const read: Connection['read'] = (work) => guarded(file, () => perform(work()));
  return {
    read,
    // Nothing of this process comes between, and no other writes while its lock is held.
    readAtOnce: read,
    write(work) {
      const notes: NewChange[] = [];
      const noted: Change[] = [];
      return group.add(
        () => {
          const result = perform(work((change) => void notes.push(change)));
          for (const { kind, key, value } of notes) {
            const stored = value === null ? null : JSON.stringify(value);
            const { lastInsertRowid } = insert.run(clock.now(), kind, key, stored);
            noted.push({ sequence: Number(lastInsertRowid), kind, key, value } as Change);
          }
          return result;
        },
        () => teller.tell(noted),
      );
    },
    // Nobody else makes any.
    isCurrent: () => true,
    catchUp: async () => undefined,
    flush: group.flush,
    subscribe: teller.subscribe,
    lastSequence,
  };
}

/** SQLite remembers it, also when the changes themselves were dropped. */
function* lastSequence(): Work<number> {
  const last = yield* one(
    (row: { readonly seq: number }) => row.seq,
    `SELECT seq FROM sqlite_sequence WHERE name = 'changes'`,
  );
  return last ?? 0;
}
