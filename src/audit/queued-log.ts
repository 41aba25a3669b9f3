import type { AuditLog, CallLog } from './audit-log.ts';

/**
 * A log that nobody waits for: an entry counts as kept when it is taken, and is on the disk 50 ms later. A log that
 * cannot be written still takes nothing, so that a call without a record stays what a crash alone can bring about.
 */
export function queuedLog(log: AuditLog): CallLog {
  return {
    // async, so that what `queue` throws is a rejection as of any log.
    append: async (event) => log.queue(event),
    note: (event) => log.note(event),
  };
}
