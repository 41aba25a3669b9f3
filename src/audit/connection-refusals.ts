import type { AuditLog } from './audit-log.ts';

/** A peer that was turned away before anybody knew who it is. */
export interface TurnedAway {
  readonly stage: 'tls' | 'http';
  readonly address: string;
  readonly reason: string;
}

/** Records the peers that a listener turns away, without letting strangers fill the log. */
export interface ConnectionRefusals extends AsyncDisposable {
  record(refusal: TurnedAway): void;
}

/** How many refusals of one stretch of time are recorded one by one; the others are counted. */
const oneByOne = 50;
const stretchMilliseconds = 10_000;

/**
 * Whoever can reach a listener can be refused as often as they like, and needs no certificate for it. The first
 * refusals of every ten seconds are entries of their own; the rest become one entry with their number.
 */
export function createConnectionRefusals(
  log: Pick<AuditLog, 'append'>,
  listener: string,
  stretch = stretchMilliseconds,
): ConnectionRefusals {
  let recorded = 0;
  let counted = 0;
  let timer: NodeJS.Timeout | null = null;

  const append = async (event: Parameters<AuditLog['append']>[0]): Promise<void> => {
    // Nobody waits for the record of a stranger: while the log cannot be written every call is refused anyway.
    await log.append(event).catch(() => undefined);
  };
  const conclude = async (): Promise<void> => {
    if (timer) clearTimeout(timer);
    timer = null;
    const count = counted;
    recorded = 0;
    counted = 0;
    if (count > 0) await append({ type: 'connections.refused', listener, count, milliseconds: stretch });
  };

  return {
    record({ stage, address, reason }) {
      if (!timer) {
        timer = setTimeout(() => void conclude(), stretch);
        timer.unref();
      }
      if (recorded < oneByOne) {
        recorded += 1;
        void append({ type: 'connection.refused', listener, stage, address, reason });
      } else {
        counted += 1;
      }
    },
    [Symbol.asyncDispose]: conclude,
  };
}
