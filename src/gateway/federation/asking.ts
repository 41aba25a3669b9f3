import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { Standing } from '../../identity/standing.ts';
import type { Grant } from '../../oauth/resource/grant.ts';
import { type Circumstances, mayUse } from '../authorize.ts';
import { circumstances } from '../carry-out.ts';
import type { GatewayPorts } from '../ports.ts';
import type { Asker } from './ask-server.ts';
import type { InnerAnswer } from './inner-exchange.ts';
import type { NameTable } from './name-table.ts';
import type { Patience } from './patience.ts';
import { type FederatedSession, placeHeaders } from './session.ts';

/** One exchange of an agent with all servers, and what is needed to carry it out. */
export interface Asking {
  readonly exchange: Exchange;
  readonly standing: Standing;
  /** What its token is good for; null where it came without one. */
  readonly grant: Grant | null;
  /** Whose sessions and handles these are (`partyOf`). */
  readonly party: string;
  readonly ports: GatewayPorts;
  readonly asker: Asker;
  /** The servers that are offered together, in order. */
  readonly together: readonly string[];
  readonly names: NameTable;
  readonly patience: Patience;
  /** The revision that the agent speaks. */
  readonly revision: string;
  /** The session of the legacy era; null for a modern request. */
  readonly session: FederatedSession | null;
}

/** The servers on which policy lets the agent use a method. The check on each request decides (law 7). */
export function serversFor(asking: Asking, method: string) {
  const { standing, ports, together, session } = asking;
  const policies = ports.policies();
  const may = (server: string, action: string): boolean => {
    return mayUse(policies, standing, action, { kind: 'server' }, circumstancesAt(asking, server));
  };
  return together.filter((server) => may(server, method) && (!session || may(server, 'initialize')));
}

/** As the road to a server will ask policy: with the token only where the server wants one. */
export function circumstancesAt({ exchange, ports, grant }: Asking, server: string): Circumstances {
  const given = { grant: ports.tokens.wants(server) ? grant : null, passports: null };
  return circumstances(exchange, server, given, ports);
}

/**
 * Sends a message to one server in the era of the agent; in the legacy era within the agent's session there, opened or
 * opened anew when the server has none. Rejects with what opening a session throws.
 */
export async function converse(
  asking: Asking,
  server: string,
  message: JsonObject,
  signal?: AbortSignal,
): Promise<InnerAnswer> {
  const { session, asker, revision } = asking;
  const ended = signal ? { signal } : {};
  if (!session) {
    return await asker.ask({
      server,
      message,
      revision,
      headers: message['method'] === 'tools/call' ? parameterHeaders(asking.exchange) : {},
      ...ended,
    });
  }
  for (let again = false; ; again = true) {
    const place = await waitFor(session.place(server, asker), signal);
    const question = { server, message, revision: place.revision, headers: placeHeaders(place), ...ended };
    const answer = await asker.ask(question);
    // MCP 2025-11-25, Session Management: 404 tells that the session is gone and nothing was done.
    if (again || answer.status !== 404 || place.sealed === null) return answer;
    session.leave(place);
  }
}

/** `Mcp-Param-*` mirror the arguments of a call, which are the server's own already; a list on the way to it has none. */
function parameterHeaders(exchange: Exchange): Record<string, string> {
  const mirrored: Record<string, string> = {};
  for (const [name, value] of exchange.headers.entries()) {
    if (name.toLowerCase().startsWith('mcp-param-')) mirrored[name.toLowerCase()] = value;
  }
  return mirrored;
}

/** What is awaited, or the reason of the signal: a session that opens slowly goes on opening for the next request. */
export async function waitFor<Value>(
  awaited: Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (!signal) return await awaited;
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason instanceof Fault ? signal.reason : left());
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([awaited, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
    awaited.catch(() => undefined);
  }
}

function left(): Fault {
  return new Fault('unavailable', 'Nobody waits for this answer any more.');
}
