import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import { utf8 } from '../kernel/bytes.ts';
import { Fault, errorText } from '../kernel/fault.ts';
import { type Answer, answeredId, readAnswers, readWhole } from './answers.ts';
import type { Call } from './call.ts';
import { jsonRpcError } from './error-answer.ts';
import { explainStatus } from './explain-failure.ts';
import { followStream } from './follow-stream.ts';
import type { GatewayConnection, GatewayResponse } from './gateway-connection.ts';
import { isListening, keepListening } from './keep-listening.ts';
import type { LegacySession } from './legacy-session.ts';
import type { BridgeLimits } from './limits.ts';
import { legacyHeaders, modernHeaders } from './request-headers.ts';
import type { ToolParameters } from '../mcp/tool-parameters.ts';

/** An answer that is no success, whole. */
export interface Refused {
  readonly status: number;
  readonly body: Uint8Array;
}

interface ExchangePorts {
  readonly gateway: GatewayConnection;
  readonly limits: BridgeLimits;
  readonly legacy: LegacySession;
  readonly parameters: ToolParameters;
  readonly deliver: (answer: Answer, sessionId?: string | null) => Promise<void>;
}

type Posted = { readonly response: GatewayResponse } | Refused;

/** How often a broken stream is asked for again without anything coming of it. */
const resumptions = 5;
const mostPages = 20;
const headerMismatch = -32020;

/**
 * Posts one line and delivers what comes back, until every request in it is answered. Gives back a refusal; throws the
 * faults of the gateway connection, `upstream_failed`, `upstream_garbage`, `session_unknown`.
 */
export function createExchange(ports: ExchangePorts): (call: Call) => Promise<Refused | null> {
  const { gateway, limits, legacy, parameters } = ports;

  const post = async (
    body: Uint8Array,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Posted> => {
    const response = await gateway.send({ method: 'POST', headers, body, signal });
    if (response.status >= 200 && response.status < 300) return { response };
    return { status: response.status, body: await readWhole(response, limits.messageBytes) };
  };

  const postLegacy = async (call: Call): Promise<Posted> => {
    const { outgoing, signal } = call;
    const [first] = outgoing.messages;
    if (first?.method === 'initialize') {
      await legacy.end();
      return await post(outgoing.body, legacyHeaders({ id: null, revision: null }), signal);
    }
    const { headers, generation } = legacy;
    const posted = await post(outgoing.body, legacyHeaders(headers), signal);
    if (!isSessionEnd(posted, headers.id) || first?.kind === 'response') return posted;
    // MCP 2025-11-25, Session Management: 404 begins a new session. The message was not looked at, so it is safe to repeat.
    await legacy.reopen(generation);
    return await post(outgoing.body, legacyHeaders(legacy.headers), signal);
  };

  const postModern = async (call: Call, revision: string): Promise<Posted> => {
    const { outgoing, signal } = call;
    const again = (): Promise<Posted> =>
      post(outgoing.body, modernHeaders(outgoing, revision, parameters), signal);
    const posted = await again();
    const [message] = outgoing.messages;
    const name = message?.params['name'];
    if (!isMismatch(posted) || message?.method !== 'tools/call' || typeof name !== 'string') return posted;
    if (parameters.knows(name)) return posted;
    // The client has its list of tools from elsewhere; without it nobody knows which headers the tool asks for.
    await listTools(call, revision);
    return parameters.knows(name) ? await again() : posted;
  };

  const listTools = async ({ outgoing, signal }: Call, revision: string): Promise<void> => {
    const { progressToken: _dropped, ...meta } = metaOf(outgoing.messages[0]?.params ?? {});
    let cursor: JsonObject = {};
    for (let page = 0; page < mostPages; page++) {
      const value = {
        jsonrpc: '2.0',
        id: `countersign-bridge-list-${page}`,
        method: 'tools/list',
        params: { ...cursor, _meta: meta },
      };
      const message = {
        kind: 'request',
        id: value.id,
        method: value.method,
        params: value.params,
        value,
      } as const;
      const listing = { body: utf8(JSON.stringify(value)), messages: [message], batch: false, revision };
      const posted = await post(listing.body, modernHeaders(listing, revision, parameters), signal);
      const result = 'response' in posted ? await resultOf(posted.response, value.id) : {};
      parameters.learn(result);
      if (typeof result['nextCursor'] !== 'string') return;
      cursor = { cursor: result['nextCursor'] };
    }
  };

  const resultOf = async (response: GatewayResponse, id: string): Promise<JsonObject> => {
    let result: JsonObject = {};
    for await (const answer of readAnswers(response, limits.messageBytes)) {
      const own = answer.messages.find((message) => answeredId(message) === id);
      if (isJsonObject(own?.['result'])) result = own['result'];
    }
    return result;
  };

  const receive = async (call: Call, response: GatewayResponse): Promise<void> => {
    let lastEventId: string | null = null;
    let retry: number | null = null;
    let broken: unknown = null;
    const sessionId = response.headers['mcp-session-id'] ?? null;
    try {
      for await (const answer of readAnswers(response, limits.messageBytes)) {
        lastEventId = answer.eventId ?? lastEventId;
        retry = answer.retry ?? retry;
        await ports.deliver(answer, sessionId);
      }
    } catch (error) {
      if (error instanceof Fault && error.code !== 'unavailable') throw error;
      broken = error;
    }
    const missing = (): boolean => call.waiting.size > 0 && !call.signal.aborted;
    if (missing() && lastEventId !== null && call.outgoing.revision === null) {
      await followStream({
        open: (id) => legacy.resume(id, call.signal),
        deliver: ports.deliver,
        done: () => !missing(),
        lastEventId,
        retry,
        attempts: resumptions,
        limits,
        signal: call.signal,
      });
    }
    if (missing()) throw cutShort(gateway.peer, broken);
  };

  return async (call) => {
    call.sent = true;
    const { revision } = call.outgoing;
    if (revision !== null && isListening(call))
      return await keepListening(call, { ...ports, open: () => postModern(call, revision) });
    const posted = revision === null ? await postLegacy(call) : await postModern(call, revision);
    if ('status' in posted) return posted;
    await receive(call, posted.response);
    return null;
  };
}

function isSessionEnd(posted: Posted, session: string | null): boolean {
  if (!('status' in posted) || posted.status !== 404 || session === null) return false;
  const { code } = explainStatus(posted.status, posted.body, '');
  return code === 'session_unknown' || code === 'not_found';
}

function isMismatch(posted: Posted): boolean {
  return 'status' in posted && jsonRpcError(posted.body, null)?.['code'] === headerMismatch;
}

function metaOf(params: JsonObject): JsonObject {
  const meta = params['_meta'];
  return isJsonObject(meta) ? meta : {};
}

function cutShort(peer: GatewayConnection['peer'], broken: unknown): Fault {
  const why = broken === null ? 'it ended' : errorText(broken).replace(/\.$/, '');
  return new Fault(
    'upstream_failed',
    `The answer of ${peer.toLowerCase()} broke off before it was complete (${why}). The call may have been carried out; look before you repeat it.`,
    { cause: broken },
  );
}
