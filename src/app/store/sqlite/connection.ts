import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../../kernel/clock.ts';
import type { Change } from '../change-feed.ts';
import { groupCommit } from './group-commit.ts';
import { guarded } from './storage-fault.ts';

/** A change before it has its number. */
export type NewChange = Change extends infer Each
  ? Each extends Change
    ? Omit<Each, 'sequence'>
    : never
  : never;

/** Notes a change in the transaction that makes it. */
export type Note = (change: NewChange) => void;

/** The one open database, with the order of its changes. */
export interface Connection {
  readonly database: DatabaseSync;
  /** Faults `state_locked`, `state_damaged`, `unavailable`. */
  readonly read: <Result>(work: () => Result) => Promise<Result>;
  /** Whole or not at all; what it notes is told to the subscribers once it is durable. Faults as `read`. */
  readonly write: <Result>(work: (note: Note) => Result) => Promise<Result>;
  /** Does now what was to be written soon. */
  readonly flush: () => void;
  readonly subscribe: (listener: (change: Change) => void) => () => void;
}

export function connect(options: {
  readonly database: DatabaseSync;
  readonly file: string;
  readonly clock: Clock;
}): Connection {
  const { database, file, clock } = options;
  const insert = database.prepare('INSERT INTO changes (at, kind, key, value) VALUES (?, ?, ?, ?)');
  const group = groupCommit(database, file);
  const listeners = new Set<(change: Change) => void>();
  const queue: Change[] = [];
  let publishing = false;

  // A listener may write; its change waits so that every listener hears all changes in the same order.
  const publish = (): void => {
    if (publishing) return;
    publishing = true;
    try {
      for (let change = queue.shift(); change; change = queue.shift()) {
        for (const listener of listeners) tell(listener, change);
      }
    } finally {
      publishing = false;
    }
  };
  return {
    database,
    read: (work) => guarded(file, work),
    write(work) {
      const noted: Change[] = [];
      const note: Note = ({ kind, key, value }) => {
        const stored = value === null ? null : JSON.stringify(value);
        const { lastInsertRowid } = insert.run(clock.now(), kind, key, stored);
        noted.push({ sequence: Number(lastInsertRowid), kind, key, value } as Change);
      };
      return group.add(
        () => work(note),
        () => {
          queue.push(...noted);
          publish();
        },
      );
    },
    flush: group.flush,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The change is committed: a listener that throws must not make its writer believe otherwise, nor pass unheard. */
function tell(listener: (change: Change) => void, change: Change): void {
  try {
    listener(change);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
