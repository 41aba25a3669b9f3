import type { AuditEvent } from './events.ts';

/** The tamper-evident log: entries are linked by hash, and a Merkle tree over them is signed at checkpoints. */
export interface AuditLog extends AsyncDisposable {
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
  health(): { readonly writable: boolean; readonly reason: string | null };
  /** Signs the present state, stores it as the newest checkpoint, and returns the signed note. */
  checkpoint(): Promise<string>;
}
