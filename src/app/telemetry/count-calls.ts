import type { AuditEvent } from '../../audit/log.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import { actions } from '../../policy/schema.ts';
import { type Meters, otherValue } from '../../telemetry/meters.ts';

/** The endpoint of all servers, among the names of servers: no server can have this one. */
const allServers = '_ALL';

/** What is refused with these was decided by policy, or by a person whom policy asks. */
const ofPolicy: ReadonlySet<string> = new Set<FaultCode>([
  'denied',
  'policy_error',
  'call_unapproved',
  'approval_refused',
]);

/** What is refused with these was wrong with the token, or there was none. */
const ofTokens: ReadonlySet<string> = new Set<FaultCode>([
  'token_required',
  'token_invalid',
  'token_ended',
  'proof_invalid',
  'proof_nonce',
  'scope_insufficient',
  'login_insufficient',
]);

/**
 * Counts what a gateway records. `registered`: whether a name is that of a server; whoever asks for others is counted
 * together. `agents`: whether agents are counted one by one.
 */
export function countCalls(
  meters: Meters,
  { registered, agents }: { readonly registered: (server: string) => boolean; readonly agents: boolean },
): (event: AuditEvent) => void {
  const serverOf = ({ server }: AuditEvent): string => {
    if (typeof server !== 'string' || server === '') return allServers;
    return registered(server) ? server : otherValue;
  };
  const ended = (event: AuditEvent, outcome: string, kind: 'answered' | 'refused' | 'failed'): void => {
    meters.add('calls', [serverOf(event), methodOf(event), outcome]);
    if (agents && typeof event['agent'] === 'string') meters.add('agentCalls', [event['agent'], kind]);
  };
  return (event) => {
    switch (event.type) {
      case 'call.permitted':
        meters.add('decisions', ['permit']);
        if (event['issuer'] !== undefined) meters.add('tokenChecks', ['good']);
        return;
      case 'call.answered':
        ended(event, 'answered', 'answered');
        if (typeof event['milliseconds'] === 'number')
          meters.time('callSeconds', [serverOf(event), methodOf(event)], event['milliseconds']);
        if (event['redacted'] !== undefined) meters.add('redactions', [serverOf(event)]);
        return;
      case 'call.merged':
        return ended(event, 'answered', 'answered');
      case 'call.failed':
        return ended(event, codeOf(event), 'failed');
      case 'call.refused': {
        const code = codeOf(event);
        if (ofPolicy.has(code)) meters.add('decisions', [code]);
        if (ofTokens.has(code)) meters.add('tokenChecks', [code]);
        return ended(event, code, 'refused');
      }
      case 'stream.cut':
        return meters.add('streamsCut', [serverOf(event)]);
      case 'secret.obtained':
        return meters.add('secretReads', ['obtained']);
      case 'secret.unavailable':
        return meters.add('secretReads', [codeOf(event)]);
      default:
        countConnections(meters, event);
    }
  };
}

/** Counts peers that were turned away, those too that are recorded only as a number. */
export function countConnections(meters: Meters, event: AuditEvent): void {
  const listener = typeof event['listener'] === 'string' ? event['listener'] : '';
  if (event.type === 'connection.refused') {
    const { stage, reason } = event;
    const code =
      typeof reason === 'string' ? /\b([A-Z][A-Z0-9]*_[A-Z0-9_]+|EPIPE|ECONNRESET)\)?$/.exec(reason) : null;
    meters.add('connectionsRefused', [listener, stage === 'tls' ? 'tls' : 'http', code?.[1] ?? otherValue]);
  } else if (event.type === 'connections.refused') {
    const count = typeof event['count'] === 'number' ? event['count'] : 0;
    meters.add('connectionsRefused', [listener, otherValue, otherValue], count);
  }
}

/** The method that a record is about; `batch` for several, `none` for the opening or ending of a stream. */
function methodOf({ messages }: AuditEvent): string {
  if (!Array.isArray(messages) || messages.length === 0) return 'none';
  if (messages.length > 1) return 'batch';
  const [message] = messages;
  if (!isRecord(message) || typeof message['method'] !== 'string') return 'response';
  if (message['kind'] === 'notification') return 'notification';
  return methodLabel(message['method']);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** A method of MCP by its name, any other as one value. */
export function methodLabel(method: string): string {
  return Object.hasOwn(actions, method) ? method : otherValue;
}

function codeOf({ code }: AuditEvent): string {
  return typeof code === 'string' ? code : 'internal';
}
