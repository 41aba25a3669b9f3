import type { FaultCode } from './fault-codes.ts';

/**
 * What went wrong, in the project's one vocabulary.
 * `code` is for machines and stable; `message` is for people (what, why, what to do) and may reach a peer;
 * `cause` is for our own log and never reaches a peer.
 */
export class Fault extends Error {
  readonly code: FaultCode;
  /** After how long the same may be asked again, where that is known; a peer is told in whole seconds. */
  readonly retryAfterMilliseconds: number | null;

  constructor(
    code: FaultCode,
    detail: string,
    options: { readonly cause?: unknown; readonly retryAfterMilliseconds?: number } = {},
  ) {
    super(detail, options);
    this.name = 'Fault';
    this.code = code;
    this.retryAfterMilliseconds = options.retryAfterMilliseconds ?? null;
  }

  /** `Retry-After` in seconds (RFC 9110 §10.2.3), or null. Never 0: that would say that waiting is no use. */
  get retryAfterSeconds(): number | null {
    const { retryAfterMilliseconds } = this;
    return retryAfterMilliseconds === null ? null : Math.max(1, Math.ceil(retryAfterMilliseconds / 1_000));
  }
}

/** The fault itself, or any other error wrapped as `internal` with its text kept out of the peer's sight. */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault('internal', 'Something failed inside Countersign. The server log has the cause.', {
    cause: error,
  });
}

/** The text of any thrown value, for logs and for a person at a terminal. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
