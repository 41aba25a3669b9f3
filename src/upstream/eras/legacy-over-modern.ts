import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Message } from '../../mcp/message.ts';
import { eraOf, revisions } from '../../mcp/revisions.ts';
import { createToolParameters } from '../../mcp/tool-parameters.ts';
import { empty, json } from '../stdio-call.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../upstream.ts';
import { createCarriedSessions } from '../carried-session.ts';
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
  const carried = createCarriedSessions('era');
  const parameters = createToolParameters();

  const end = (id: string, place: Place): void => {
    places.delete(id);
    carried.ended(id);
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

  const open = async (id: string, request: UpstreamRequest, greeting: JsonObject): Promise<JsonObject> => {
    const { caller } = request;
    const { clientInfo } = greeting;
    const info = isJsonObject(clientInfo) ? clientInfo : null;
    const given = greeting['capabilities'];
    const capabilities = clientCapabilities(isJsonObject(given) ? given : {});
    const discovered = await discover(inner, request, { info, capabilities, logLevel: null });
    // Another request of the same session may have been sooner.
    if (places.has(id)) return discovered;
    makeRoom(caller);
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
    return discovered;
  };
  /** The session of another gateway, opened anew here; nobody's otherwise. */
  const openAgain = async (request: UpstreamRequest): Promise<Place | null> => {
    const id = request.headers['mcp-session-id'] ?? '';
    const greeting = places.has(id) ? null : carried.greetingOf(id);
    // An answer belongs to a question that the other gateway asked.
    if (!greeting || request.inbound?.messages.every(({ kind }) => kind === 'response')) return null;
    await open(id, request, greeting);
    return placeOf(request);
  };

  return {
    holds: (request) => placeOf(request) !== null || carried.isOne(request.headers['mcp-session-id'] ?? ''),
    async initialize(request, message) {
      const { protocolVersion } = message.params;
      const id = carried.idFor(message.params);
      const discovered = await open(id, request, message.params);
      const known =
        typeof protocolVersion === 'string' &&
        revisions.includes(protocolVersion) &&
        eraOf(protocolVersion) === 'legacy';
      const result = initializeResult(discovered, known ? protocolVersion : offeredRevision);
      const response = json(200, { jsonrpc: '2.0', id: message.id, result });
      return { ...response, headers: { ...response.headers, 'mcp-session-id': id } };
    },
    async send(request) {
      const place = placeOf(request) ?? (await openAgain(request));
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
