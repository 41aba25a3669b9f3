import { setTimeout as delay } from 'node:timers/promises';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { composeInbound } from '../../mcp/compose-inbound.ts';
import type { UpstreamLimits } from '../limits.ts';
import type { Upstream, UpstreamResponse } from '../upstream.ts';
import type { openSession } from './open-session.ts';
import { readMessages, type StreamPosition } from './read-messages.ts';

/** How the messages of one session of the legacy era travel: POSTs and their streams, the GET stream, the DELETE. */
export interface SessionWire {
  /** Aborted once the session is over. */
  readonly over: AbortSignal;
  /** Sends a message that has no answer of its own. */
  tell(value: JsonObject): Promise<void>;
  /**
   * Sends a request and hands over what comes of it for as long as it is open; a stream that the server ends is taken up
   * again (MCP 2025-11-25). Throws what the server throws.
   */
  converse(value: JsonObject, isOpen: () => boolean, receive: Receive): Promise<void>;
  /**
   * Opens the stream of what belongs to no request, and keeps it open; resolves when it is, or after a moment. A server
   * may have none (405).
   */
  follow(receive: Receive): Promise<void>;
  /** Nothing is sent or received any more. */
  cut(): void;
  /** Tells the server that the session is over. Never rejects. */
  end(): Promise<void>;
}

type Receive = (message: JsonObject) => void;

export interface SessionWireOptions {
  readonly inner: Upstream;
  readonly caller: string;
  readonly limits: UpstreamLimits;
  /** Told when the server no longer knows the session. */
  readonly onLost: (fault: Fault) => void;
}

type Opened = Pick<Awaited<ReturnType<typeof openSession>>, 'headers' | 'revision'>;

export function createSessionWire(
  { headers: own, revision }: Opened,
  options: SessionWireOptions,
): SessionWire {
  const { inner, caller, limits } = options;
  const cutting = new AbortController();
  const over = cutting.signal;

  const get = async (lastEventId: string | null): Promise<UpstreamResponse> => {
    const headers = {
      accept: 'text/event-stream',
      ...own,
      ...(lastEventId === null ? {} : { 'last-event-id': lastEventId }),
    };
    return await inner.send({ method: 'GET', headers, inbound: null, caller, signal: over });
  };
  const post = async (value: JsonObject): Promise<UpstreamResponse> => {
    if (over.aborted) throw sessionLost();
    const headers = {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...own,
    };
    try {
      const inbound = composeInbound(value, revision);
      const response = await inner.send({ method: 'POST', headers, inbound, caller, signal: over });
      if (response.status === 404 && own['mcp-session-id'] !== undefined) throw sessionLost();
      return response;
    } catch (error) {
      const fault = toFault(error);
      if (fault.code === 'session_unknown') options.onLost(fault);
      throw fault;
    }
  };
  const keepFollowing = async (receive: Receive, opened: () => void): Promise<void> => {
    const position: StreamPosition = { lastEventId: null, retryMilliseconds: null };
    while (!over.aborted) {
      const response = await get(position.lastEventId);
      opened();
      if (response.status !== 200 || response.body instanceof Uint8Array) return;
      for await (const message of readMessages(response, position)) receive(message);
      await delay(pauseOf(position), undefined, { signal: over });
    }
  };

  return {
    over,
    async tell(value) {
      for await (const _ of readMessages(await post(value)));
    },
    async converse(value, isOpen, receive) {
      const position: StreamPosition = { lastEventId: null, retryMilliseconds: null };
      let response = await post(value);
      for (;;) {
        for await (const message of readMessages(response, position)) receive(message);
        if (!isOpen()) return;
        if (position.lastEventId === null) {
          const detail = `The MCP server ended its answer early (HTTP ${response.status}).`;
          throw new Fault('upstream_failed', detail);
        }
        await delay(pauseOf(position), undefined, { signal: over });
        response = await get(position.lastEventId);
        if (response.status !== 200)
          throw new Fault('upstream_failed', 'The MCP server lost the stream of the call.');
      }
    },
    async follow(receive) {
      const opened = Promise.withResolvers<void>();
      keepFollowing(receive, opened.resolve)
        .catch(() => undefined)
        .finally(opened.resolve);
      const patience = new AbortController();
      await Promise.race([
        opened.promise,
        delay(streamPatience, undefined, { signal: patience.signal }).catch(() => undefined),
      ]);
      patience.abort();
    },
    cut: () => cutting.abort(),
    async end() {
      if (own['mcp-session-id'] === undefined) return;
      const signal = AbortSignal.timeout(limits.graceMilliseconds);
      try {
        const response = await inner.send({ method: 'DELETE', headers: own, inbound: null, caller, signal });
        for await (const _ of readMessages(response));
      } catch {
        // The server ends by itself a session that nobody uses.
      }
    },
  };
}

/** How long a call waits for the server to open the stream of what belongs to no request, in milliseconds. */
const streamPatience = 1_000;

/** Servers say how long to wait before a stream is taken up; neither at once nor for ever. */
function pauseOf({ retryMilliseconds }: StreamPosition): number {
  return Math.min(Math.max(retryMilliseconds ?? 1_000, 100), 30_000);
}

function sessionLost(): Fault {
  return new Fault('session_unknown', 'The MCP server no longer knows its session.');
}
