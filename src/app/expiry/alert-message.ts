import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { AlertRecord } from '../store/alert-records.ts';

/** What the receiver of alerts is told, in each state of one. */
export function alertMessage(alert: AlertRecord, trustDomain: string): JsonObject {
  const { id, cause, state, kind, name, serial, endsAt, detail, code, raisedAt, changedAt } = alert;
  return {
    type: 'alert',
    trustDomain,
    id,
    cause,
    state,
    ...(kind === 'tool'
      ? { tool: { server: name, name: serial.slice(name.length + 1) } }
      : { certificate: { kind, name, serial, notAfter: endsAt === null ? null : time(endsAt) } }),
    detail,
    code,
    raisedAt: time(raisedAt),
    changedAt: time(changedAt),
  };
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
