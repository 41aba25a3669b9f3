import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import type { Message } from '../../mcp/message.ts';
import { eraOf, revisions } from '../../mcp/revisions.ts';
import { createToolParameters } from '../../mcp/tool-parameters.ts';
import { empty, json } from '../stdio-call.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../upstream.ts';
import type { EraOptions } from './bridge-eras.ts';
import { ClientSession } from './client-session.ts';
import { modernPost, modernRequest } from './modern-request.ts';
import { readMessages } from './read-messages.ts';
import { clientCapabilities, offeredRevision, serverCapabilities, serverInfo } from './translate.ts';
import { agentOf, isCallers } from '../party.ts';

/** Serves legacy callers from a server of the modern era. */
export interface LegacyOverModern extends AsyncDisposable {
  /** Whether the request belongs to a session that is kept here. */
  holds(request: UpstreamRequest): boolean;
  /** Answers `initialize` from what the server says to `server/discover`, and keeps the session. */
  initialize(request: UpstreamRequest, message: Message): Promise<UpstreamResponse>;
  /** Anything else. Throws Fault `session_unknown` or `header_mismatch` outside of a session. */
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
  endCaller(caller: string): void;
}

interface Place {
  readonly caller: string;
  readonly session: ClientSession;
  usedAt: number;
}

export function createLegacyOverModern(inner: Upstream, options: EraOptions): LegacyOverModern {
  const { limits, clock } = options;
  const places = new Map<string, Place>();
  const parameters = createToolParameters();

  const end = (id: string, place: Place): void => {
    places.delete(id);
    place.session.end();
  };
  const sweep = setInterval(() => {
    for (const [id, place] of places) {
      const idle = !place.session.busy && clock.monotonic() - place.usedAt >= limits.unusedMilliseconds;
      if (idle) end(id, place);
    }
  }, limits.unusedMilliseconds / 4);
  sweep.unref();

  const makeRoom = (caller: string): void => {
    const mine = [...places].filter(([, place]) => isCallers(place.caller, agentOf(caller)));
    if (mine.length < limits.sessionsPerCaller) return;
    const [oldest] = mine
      .filter(([, { session }]) => !session.busy)
      .sort(([, a], [, b]) => a.usedAt - b.usedAt);
    if (!oldest)
      throw new Fault('limit_reached', `This agent has ${mine.length} sessions in use at this server.`);
    end(...oldest);
  };
  const placeOf = (request: UpstreamRequest): Place | null => {
    const place = places.get(request.headers['mcp-session-id'] ?? '');
    return place?.caller === request.caller ? place : null;
  };

  return {
    holds: (request) => placeOf(request) !== null,
    async initialize(request, message) {
      const { caller } = request;
      const { clientInfo, protocolVersion } = message.params;
      const info = isJsonObject(clientInfo) ? clientInfo : null;
      const given = message.params['capabilities'];
      const capabilities = clientCapabilities(isJsonObject(given) ? given : {});
      const discovered = await discover(inner, request, { info, capabilities, logLevel: null });
      makeRoom(caller);
      const id = randomId();
      const session = new ClientSession({
        inner,
        caller,
        info,
        capabilities,
        discovered,
        parameters,
        limits,
      });
      places.set(id, { caller, session, usedAt: clock.monotonic() });
      const known =
        typeof protocolVersion === 'string' &&
        revisions.includes(protocolVersion) &&
        eraOf(protocolVersion) === 'legacy';
      const result = initializeResult(discovered, known ? protocolVersion : offeredRevision);
      const response = json(200, { jsonrpc: '2.0', id: message.id, result });
      return { ...response, headers: { ...response.headers, 'mcp-session-id': id } };
    },
    async send(request) {
      const place = placeOf(request);
      if (!place && request.headers['mcp-session-id'] === undefined) {
        throw new Fault(
          'header_mismatch',
          'The Mcp-Session-Id header is missing; only initialize goes without it.',
        );
      }
      if (!place) {
        throw new Fault('session_unknown', 'This session does not exist at the MCP server. Start a new one.');
      }
      place.usedAt = clock.monotonic();
      if (request.inbound) return await place.session.post(request.inbound, request.signal);
      if (request.method === 'GET') return place.session.listen(request.signal);
      end(request.headers['mcp-session-id'] ?? '', place);
      return empty(204);
    },
    endCaller(caller) {
      for (const [id, place] of places) if (isCallers(place.caller, caller)) end(id, place);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(sweep);
      for (const [id, place] of places) end(id, place);
    },
  };
}

/** The handshake: what the gateway asks of a modern server before it answers `initialize`. */
async function discover(
  inner: Upstream,
  { caller, signal }: UpstreamRequest,
  claims: Parameters<typeof modernRequest>[1],
): Promise<JsonObject> {
  const value = modernRequest({ id: 'countersign-discover', method: 'server/discover', params: {} }, claims);
  const response = await inner.send(modernPost(value, { caller, signal }));
  for await (const { result } of readMessages(response)) if (isJsonObject(result)) return result;
  throw new Fault(
    'upstream_failed',
    `MCP server ${inner.name} did not say what it offers (HTTP ${response.status}).`,
  );
}

function initializeResult(discovered: JsonObject, protocolVersion: string): JsonObject {
  const { capabilities, instructions, _meta } = discovered;
  const named = isJsonObject(_meta) ? _meta['io.modelcontextprotocol/serverInfo'] : undefined;
  return {
    protocolVersion,
    capabilities: serverCapabilities(isJsonObject(capabilities) ? capabilities : {}),
    serverInfo: serverInfo({ serverInfo: named ?? null }),
    ...(typeof instructions === 'string' ? { instructions } : {}),
  };
}
