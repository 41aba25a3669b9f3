import type { AuditLog } from './audit-log.ts';
import { createBoundedRecord } from './bounded-record.ts';

/** A peer that was turned away before anybody knew who it is. */
export interface TurnedAway {
  readonly stage: 'tls' | 'http';
  readonly address: string;
  readonly reason: string;
}

/** Records the peers that a listener turns away; most of many are only counted. */
export interface ConnectionRefusals extends AsyncDisposable {
  record(refusal: TurnedAway): void;
}

export function createConnectionRefusals(
  log: Pick<AuditLog, 'append'>,
  listener: string,
): ConnectionRefusals {
  const bounded = createBoundedRecord(log, { type: 'connections.refused', listener });
  return {
    record({ stage, address, reason }) {
      const event = { type: 'connection.refused', listener, stage, address, reason } as const;
      // Nobody waits for the record of a stranger.
      bounded.record(event).catch(() => undefined);
    },
    [Symbol.asyncDispose]: () => bounded[Symbol.asyncDispose](),
  };
}
