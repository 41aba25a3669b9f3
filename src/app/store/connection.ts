import type { Change } from './change-feed.ts';
import type { Work } from './work.ts';

/** A change before it has its number. */
export type NewChange = Change extends infer Each
  ? Each extends Change
    ? Omit<Each, 'sequence'>
    : never
  : never;

/** Notes a change; it is written in the transaction that makes it, in the order of the notes. */
export type Note = (change: NewChange) => void;

/** The one open database, of whichever kind, with the order of its changes. */
export interface Connection {
  /** Reads what is committed, each statement by itself. Faults `state_locked`, `state_damaged`, `unavailable`. */
  readonly read: <Result>(work: () => Work<Result>) => Promise<Result>;
  /** Reads with all statements as of one moment, between two changes. Faults as `read`. */
  readonly readAtOnce: <Result>(work: () => Work<Result>) => Promise<Result>;
  /**
   * Whole or not at all, and one after the other, whichever process they come from; what it notes is told to the subscribers
   * once it is durable. What the work throws takes back all of it. Faults as `read`.
   */
  readonly write: <Result>(work: (note: Note) => Work<Result>) => Promise<Result>;
  /** Whether the changes that others make are heard: false once the database has not answered for some seconds. */
  readonly isCurrent: () => boolean;
  /** Tells the subscribers of everything that is committed by now. Faults as `read`. */
  readonly catchUp: () => Promise<void>;
  readonly subscribe: (listener: (change: Change) => void) => () => void;
  /** The number of the last change, and 0 before the first. */
  readonly lastSequence: () => Work<number>;
}
