import type { AuditEvent } from './events.ts';

/** What the record of calls needs of a log. */
export interface CallLog {
  /** Resolves when the entry is kept as the log keeps entries. Rejects with Fault `audit_unwritable` or `too_large`. */
  append(event: AuditEvent): Promise<unknown>;
  /** Takes an entry that nothing waits for. Throws Fault `too_large`. */
  note(event: AuditEvent): void;
}

/** The tamper-evident log: entries are linked by hash, and a Merkle tree over them is signed at checkpoints. */
export interface AuditLog extends CallLog, AsyncDisposable {
  readonly origin: string;
  /**
   * Resolves with the entry's index when it is durable. Rejects with Fault `audit_unwritable`, and then nothing was
   * kept; with `too_large` for an event that no reader would accept.
   */
  append(event: AuditEvent): Promise<{ readonly index: number }>;
  /**
   * Takes an entry that nothing waits for: it becomes durable with the next one that is appended, 50 ms later at the
   * latest. One that cannot be written is counted by `log.resumed`. Throws Fault `too_large`.
   */
  note(event: AuditEvent): void;
  /**
   * Takes an entry as `note` does, when the log is well: throws Fault `audit_unwritable` when the last write failed or
   * too many entries wait for the disk, and then it is not taken. A crash loses what was not written yet.
   */
  queue(event: AuditEvent): void;
  /** `waiting`: how many entries wait for the disk. */
  health(): { readonly writable: boolean; readonly reason: string | null; readonly waiting: number };
  /** Signs the present state, stores it as the newest checkpoint, and returns the signed note. */
  checkpoint(): Promise<string>;
}
