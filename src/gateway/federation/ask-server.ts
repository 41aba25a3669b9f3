import type { Exchange } from '../../http/exchange.ts';
import { utf8 } from '../../kernel/bytes.ts';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { errorText } from '../../kernel/fault.ts';
import { mirroredName } from '../../mcp/check-headers.ts';
import { encodeHeaderValue } from '../../mcp/header-value.ts';
import { eraOf } from '../../mcp/revisions.ts';
import { handle } from '../handle.ts';
import type { SignedCall } from '../../oauth/signed-call/check-call.ts';
import type { Place } from '../limits.ts';
import type { GatewayPorts } from '../ports.ts';
import { type InnerAnswer, InnerExchange } from './inner-exchange.ts';

/** One message to one server, or the opening or ending of a stream (no message). */
export interface Question {
  readonly server: string;
  readonly method?: 'POST' | 'GET' | 'DELETE';
  readonly message: JsonObject | null;
  /** The revision that is stated in the header; null before it is agreed. */
  readonly revision: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the exchange with the server. A Fault as its reason is what the log says about it. */
  readonly signal?: AbortSignal;
}

/** Asks servers in the name of one exchange of an agent. */
export interface Asker {
  readonly outer: Exchange;
  ask(question: Question): Promise<InnerAnswer>;
}

/** What was found out about the exchange as a whole. */
interface Whole {
  /** The agent's own place, so that a part is counted for its server and tool alone. */
  readonly place: Place;
  /** The signature of the whole, which the parts are made from. */
  readonly signed: SignedCall | null;
}

/**
 * Everything that is asked of a server goes the whole road of `handle`: identity, limits, policy on the server's own
 * names, record before forwarding, filters. What may not be asked is refused and recorded there.
 */
export function createAsker(outer: Exchange, ports: GatewayPorts, { place, signed }: Whole): Asker {
  const used = {
    ...ports,
    limits: ports.limits.within(place),
    signedCalls: ports.signedCalls.within(signed),
  };
  let count = 0;
  return {
    outer,
    async ask(question) {
      count += 1;
      const exchange = new InnerExchange(outer, question.server, {
        id: `${outer.id}.${count}`,
        method: question.method ?? 'POST',
        headers: { ...traceHeaders(outer), ...headersOf(question) },
        body: question.message && utf8(JSON.stringify(question.message)),
        signal: question.signal ?? neverAborted(),
      });
      void carryOut(exchange, question.server, used);
      return await exchange.answer;
    },
  };
}

/** Takes the road, and answers for it when it was left without an answer. Never rejects. */
async function carryOut(exchange: InnerExchange, server: string, ports: GatewayPorts): Promise<void> {
  try {
    await handle(exchange, server, ports);
  } catch (error) {
    ports.log(`Asking ${server} for all servers failed: ${errorText(error)}`);
  }
  // Who left gets no answer on the road, and whoever waits here must not wait for ever.
  if (!exchange.answered) await exchange.respond(504, {});
}

function neverAborted(): AbortSignal {
  return new AbortController().signal;
}

/** What every server is asked is part of the trace that the agent asked in. */
function traceHeaders({ headers }: Exchange): Record<string, string> {
  const parent = headers.get('traceparent');
  const state = headers.get('tracestate');
  return { ...(parent !== null && { traceparent: parent }), ...(state !== null && { tracestate: state }) };
}

function headersOf({ message, revision, headers, method }: Question): Record<string, string> {
  const named: Record<string, string> = {
    accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
    ...headers,
  };
  if (revision !== null) named['mcp-protocol-version'] = revision;
  if (!message) return named;
  named['content-type'] = 'application/json';
  if (revision === null || eraOf(revision) === 'legacy') return named;
  // MCP 2026-07-28: the headers mirror the body, which names the server's own things now.
  const verb = typeof message['method'] === 'string' ? message['method'] : null;
  if (verb !== null) named['mcp-method'] = verb;
  const name = mirroredName(verb, isJsonObject(message['params']) ? message['params'] : {});
  if (name !== null) named['mcp-name'] = encodeHeaderValue(name);
  return named;
}
