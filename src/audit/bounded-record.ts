import type { AuditLog } from './audit-log.ts';
import type { AuditEvent } from './events.ts';

/** Records what strangers can cause as often as they like, without letting them fill the log. */
export interface BoundedRecord extends AsyncDisposable {
  /** Resolves when the event is durable or counted; rejects like the log. */
  readonly record: (event: AuditEvent) => Promise<unknown>;
}

/** How many events of one stretch of time are recorded one by one; the others are counted. */
const oneByOne = 50;
const stretchMilliseconds = 10_000;

/**
 * Whoever can reach a listener can be refused again and again, and needs no certificate for it. The first events of
 * every ten seconds are entries of their own; the rest become one entry, `summary` with their `count`.
 */
export function createBoundedRecord(
  log: Pick<AuditLog, 'append'>,
  summary: AuditEvent,
  stretch = stretchMilliseconds,
): BoundedRecord {
  let recorded = 0;
  let counted = 0;
  let timer: NodeJS.Timeout | null = null;

  const conclude = async (): Promise<void> => {
    if (timer) clearTimeout(timer);
    timer = null;
    const count = counted;
    recorded = 0;
    counted = 0;
    if (count === 0) return;
    // Nobody waits for the number; while the log cannot be written every call is refused anyway.
    await log.append({ ...summary, count, milliseconds: stretch }).catch(() => undefined);
  };

  return {
    async record(event) {
      if (!timer) {
        timer = setTimeout(() => void conclude(), stretch);
        timer.unref();
      }
      if (recorded >= oneByOne) {
        counted += 1;
        return;
      }
      recorded += 1;
      await log.append(event);
    },
    [Symbol.asyncDispose]: conclude,
  };
}
