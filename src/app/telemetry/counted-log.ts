import type { AuditEvent, AuditLog } from '../../audit/log.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Meters } from '../../telemetry/meters.ts';

/**
 * The log, with everything that is given to it counted: what is measured is what is recorded. `count` is told of every
 * event; `name` is `authority` or `gateway`.
 */
export function countedLog(
  log: AuditLog,
  options: {
    readonly name: string;
    readonly meters: Meters;
    readonly clock: Clock;
    readonly count: (event: AuditEvent) => void;
  },
): AuditLog {
  const { name, meters, clock, count } = options;
  const took = (event: AuditEvent): void => {
    meters.add('auditEvents', [name, event.type]);
    count(event);
  };
  const failed = (error: unknown): never => {
    meters.add('auditFailures', [name]);
    throw error;
  };
  return {
    origin: log.origin,
    append(event) {
      const began = clock.monotonic();
      took(event);
      return log.append(event).then((place) => {
        meters.time('auditCommitSeconds', [name], clock.monotonic() - began);
        return place;
      }, failed);
    },
    note(event) {
      took(event);
      log.note(event);
    },
    queue(event) {
      took(event);
      try {
        log.queue(event);
      } catch (error) {
        failed(error);
      }
    },
    health: () => log.health(),
    checkpoint: () => log.checkpoint(),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
