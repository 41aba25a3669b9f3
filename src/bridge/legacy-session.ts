import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import { utf8 } from '../kernel/bytes.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { type Answer, answeredId, readAnswers, readWhole } from './answers.ts';
import { explainStatus } from './explain-failure.ts';
import { followStream } from './follow-stream.ts';
import type { GatewayConnection, GatewayResponse } from './gateway-connection.ts';
import type { BridgeLimits } from './limits.ts';
import { legacyHeaders, type SessionHeaders, sessionHeaders } from './request-headers.ts';

/** The session of a client of the legacy era, and the stream on which its server speaks first. */
export interface LegacySession {
  readonly headers: SessionHeaders;
  /** Rises whenever a session is opened. */
  readonly generation: number;
  /** The client's `initialize` was answered with this session id and result. */
  opened(initialize: JsonObject, id: string | null, result: JsonObject): void;
  /** The client is ready: opens the stream of what belongs to no request, when the server offers one. */
  listen(): void;
  /** A message was accepted: listens again when the stream had been refused meanwhile. */
  wake(): void;
  /** Opens a session anew in place of the one of a generation, as the client did. Throws Fault `session_unknown`. */
  reopen(generation: number): Promise<void>;
  /** Opens a stream anew after a break. */
  resume(lastEventId: string | null, signal: AbortSignal): Promise<GatewayResponse>;
  /** Stops listening. */
  hush(): void;
  /** Ends the session at the server. */
  end(): Promise<void>;
}

/** What a session works with. */
export interface LegacyPorts {
  readonly gateway: GatewayConnection;
  readonly limits: BridgeLimits;
  readonly log: (line: string) => void;
  readonly deliver: (answer: Answer) => Promise<void>;
  readonly stop: AbortSignal;
}

const initialized = utf8(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));

export function createLegacySession(ports: LegacyPorts): LegacySession {
  const { gateway, limits, log, stop } = ports;
  let headers: SessionHeaders = { id: null, revision: null };
  let generation = 0;
  let initialize: JsonObject | null = null;
  let listening: AbortController | null = null;
  let reopening: Promise<void> | null = null;
  let dormant = false;

  const adopt = (id: string | null, result: JsonObject): void => {
    const { protocolVersion } = result;
    headers = { id, revision: typeof protocolVersion === 'string' ? protocolVersion : null };
    generation++;
  };

  const hush = (): void => {
    listening?.abort();
    listening = null;
    dormant = false;
  };

  const resume = (lastEventId: string | null, signal: AbortSignal): Promise<GatewayResponse> =>
    gateway.send({
      method: 'GET',
      headers: {
        accept: 'text/event-stream',
        ...sessionHeaders(headers),
        ...(lastEventId === null ? {} : { 'last-event-id': lastEventId }),
      },
      signal,
    });

  const follow = async (stopped: AbortSignal): Promise<void> => {
    const mine = generation;
    let wasOpen = false;
    const end = await followStream({
      open: async (lastEventId) => {
        const response = await resume(lastEventId, stopped);
        wasOpen ||= response.status === 200;
        return response;
      },
      deliver: ports.deliver,
      done: () => false,
      lastEventId: null,
      retry: null,
      attempts: null,
      limits,
      signal: stopped,
    });
    // A session whose stream was never there is left to the next call to find out about.
    if (!wasOpen || stopped.aborted) return;
    if (end === 'session-ended') await reopen(mine);
    else dormant = true;
  };

  const listen = (): void => {
    hush();
    listening = new AbortController();
    const stopped = AbortSignal.any([listening.signal, stop]);
    follow(stopped).catch((error: unknown) => log(errorText(error)));
  };

  const open = async (): Promise<void> => {
    if (!initialize) throw sessionLost('there was none');
    const id = `countersign-bridge-${generation}`;
    const body = utf8(JSON.stringify({ ...initialize, id }));
    const response = await gateway.send({
      method: 'POST',
      headers: legacyHeaders({ id: null, revision: null }),
      body,
      signal: stop,
    });
    const result = await readResult(response, id);
    if (result['protocolVersion'] !== headers.revision) {
      throw sessionLost('the server now speaks another revision of MCP');
    }
    adopt(response.headers['mcp-session-id'] ?? null, result);
    await readWhole(
      await gateway.send({
        method: 'POST',
        headers: legacyHeaders(headers),
        body: initialized,
        signal: stop,
      }),
      limits.messageBytes,
    );
    log('The MCP session had ended at the server; a new one was opened.');
    listen();
  };

  const readResult = async (response: GatewayResponse, id: string): Promise<JsonObject> => {
    if (response.status !== 200) {
      const body = await readWhole(response, limits.messageBytes);
      throw sessionLost(explainStatus(response.status, body, 'the gateway').message);
    }
    let found: JsonObject | null = null;
    for await (const answer of readAnswers(response, limits.messageBytes)) {
      const own = answer.messages.find((message) => answeredId(message) === id);
      if (!own) await ports.deliver(answer);
      else if (isJsonObject(own['result'])) found = own['result'];
    }
    if (!found) throw sessionLost('the server did not answer initialize');
    return found;
  };

  async function reopen(ended: number): Promise<void> {
    if (ended !== generation) return;
    hush();
    reopening ??= open().finally(() => {
      reopening = null;
    });
    await reopening;
  }

  return {
    get headers() {
      return headers;
    },
    get generation() {
      return generation;
    },
    opened(message, id, result) {
      hush();
      initialize = message;
      adopt(id, result);
    },
    listen,
    wake() {
      if (dormant) listen();
    },
    reopen,
    resume,
    hush,
    async end() {
      hush();
      if (headers.id === null) return;
      const signal = AbortSignal.timeout(limits.farewellMilliseconds);
      const ending = headers;
      headers = { id: null, revision: null };
      try {
        const answer = await gateway.send({ method: 'DELETE', headers: sessionHeaders(ending), signal });
        await readWhole(answer, limits.messageBytes);
      } catch {
        // The session ends by itself when nobody uses it.
      }
    },
  };
}

function sessionLost(why: string): Fault {
  return new Fault(
    'session_unknown',
    `The MCP session has ended and could not be opened again: ${why}. Restart the MCP client.`,
  );
}
