import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { AlertRecord } from '../store/alert-records.ts';

/** What the receiver of alerts is told, in each state of one. */
export function alertMessage(alert: AlertRecord, trustDomain: string): JsonObject {
  const { id, cause, state, detail, code, raisedAt, changedAt } = alert;
  return {
    type: 'alert',
    trustDomain,
    id,
    cause,
    state,
    ...subjectOf(alert),
    detail,
    code,
    raisedAt: time(raisedAt),
    changedAt: time(changedAt),
  };
}

/** What it is about. A call is approved at the authority; a message cannot be answered. */
function subjectOf({ cause, kind, name, serial, endsAt }: AlertRecord): JsonObject {
  const until = endsAt === null ? null : time(endsAt);
  if (cause === 'call-waiting') return { call: { id: serial, agent: name, until } };
  if (kind === 'tool') return { tool: { server: name, name: serial.slice(name.length + 1) } };
  return { certificate: { kind, name, serial, notAfter: until } };
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
