import type { AuditEvent, AuditLog } from '../../audit/log.ts';
import { canonicalText } from '../../audit/events.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Redactor } from '../../secrets/redact.ts';

/** The log with every known secret cut out of what is written to it: names of tools and reasons come from outside. */
export function redactedLog(log: AuditLog, redactor: Redactor): AuditLog {
  const clean = (event: AuditEvent): AuditEvent => {
    if (!redactor.knowsAny) return event;
    const text = event[canonicalText] ?? JSON.stringify(event);
    if (redactor.redact(text) === text) return event;
    return redactor.redactJson({ ...event } as JsonObject) as AuditEvent;
  };
  return {
    origin: log.origin,
    append: (event) => log.append(clean(event)),
    note: (event) => log.note(clean(event)),
    queue: (event) => log.queue(clean(event)),
    health: () => log.health(),
    checkpoint: () => log.checkpoint(),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
