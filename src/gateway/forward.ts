import { Fault } from '../kernel/fault.ts';
import type { Exchange } from '../http/exchange.ts';
import { mirroredName } from '../mcp/check-headers.ts';
import { forwardHeaders } from '../mcp/forward-headers.ts';
import { encodeHeaderValue } from '../mcp/header-value.ts';
import type { Inbound } from '../mcp/message.ts';
import { withTraceContext } from '../mcp/with-trace-context.ts';
import { Grant } from '../oauth/resource/grant.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../upstream/upstream.ts';
import type { Permit } from './authorize.ts';
import { partyOf } from './party-of.ts';
import type { SessionSeal } from './session-seal.ts';

/** How the request reaches the server that was permitted. */
export interface Route {
  readonly upstream: Upstream;
  readonly seal: SessionSeal;
  /** The trace context that goes with it, in place of the caller's; null leaves what the message says. */
  readonly trace: { readonly parent: string; readonly state: string | null } | null;
}

/**
 * Sends what was permitted and nothing else: the re-serialised body of the permit, the MCP headers, the session id
 * unsealed for this caller, and where the call is traced our own trace context. Credentials of the caller never travel; the upstream adds its own (law 3).
 * Throws Fault `session_unknown` at once, or later what the upstream throws.
 */
export function forward(exchange: Exchange, permit: Permit, route: Route): Promise<UpstreamResponse> {
  const owner = { party: partyOf(permit.standing.caller, permit.grant), server: permit.server };
  let headers = forwardHeaders(exchange.headers, permit.inbound?.era ?? 'legacy');
  const task = taskNamed(permit.inbound);
  if (task !== null && headers['mcp-name'] !== undefined)
    headers = { ...headers, 'mcp-name': encodeHeaderValue(task) };
  const sealed = exchange.headers.get('mcp-session-id');
  // MCP 2026-07-28 has no sessions: an id sent there is ignored.
  if (sealed !== null && permit.inbound?.era !== 'modern')
    headers = { ...headers, 'mcp-session-id': route.seal.open(sealed, owner) };
  const { trace } = route;
  if (trace)
    headers = {
      ...headers,
      traceparent: trace.parent,
      ...(trace.state !== null && { tracestate: trace.state }),
    };
  const request: UpstreamRequest = {
    method: methodOf(exchange),
    headers,
    inbound: trace && permit.inbound ? withTraceContext(permit.inbound, trace) : permit.inbound,
    caller: owner.party,
    subjectToken: permit.grant && Grant.subjectTokenOf(permit.grant),
    signal: exchange.closed,
  };
  return route.upstream.send(request);
}

/** The session that the server opened as the caller shall know it, or null: MCP 2026-07-28 has none. */
export function sessionFor(
  { headers }: UpstreamResponse,
  { standing, server, inbound, grant }: Permit,
  seal: SessionSeal,
): string | null {
  const opened = headers['mcp-session-id'];
  if (opened === undefined || inbound?.era === 'modern') return null;
  return seal.seal(opened, { party: partyOf(standing.caller, grant), server });
}

/** The task that a request is about: the server knows it by its own id, which the header mirrors. */
function taskNamed(inbound: Inbound | null): string | null {
  const message = inbound?.messages[0];
  return message?.method?.startsWith('tasks/') ? mirroredName(message.method, message.params) : null;
}

function methodOf(exchange: Exchange): UpstreamRequest['method'] {
  switch (exchange.method) {
    case 'POST':
    case 'GET':
    case 'DELETE':
      return exchange.method;
    default:
      throw new Fault('method_not_allowed', `MCP has POST, GET and DELETE, not ${exchange.method}.`);
  }
}
