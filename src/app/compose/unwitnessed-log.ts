import type { AuditLog } from '../../audit/log.ts';
import { Fault } from '../../kernel/fault.ts';

/** A log that takes no entry that somebody waits for, as long as there is a reason for that; what happened is still noted. */
export function unwitnessedLog(log: AuditLog, reason: () => string | null): AuditLog {
  const check = (): void => {
    const why = reason();
    if (why !== null) {
      throw new Fault('audit_unwritable', `${why}, so nothing is let through. It is asked again by itself.`);
    }
  };
  return {
    origin: log.origin,
    async append(event) {
      check();
      return await log.append(event);
    },
    note: (event) => log.note(event),
    queue(event) {
      check();
      log.queue(event);
    },
    health() {
      const why = reason();
      return why === null ? log.health() : { ...log.health(), writable: false, reason: why };
    },
    checkpoint: () => log.checkpoint(),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
