import type { Exchange, ResponseStream } from '../../http/exchange.ts';
import { utf8 } from '../../kernel/bytes.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { encodeSseEvent, type SseEvent } from '../../mcp/sse.ts';

/** Where the answer to one message of an agent goes. */
export interface Sink {
  /** The whole answer. */
  whole(status: number, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<void>;
  /** A block of an event stream, which the first one begins. */
  event(event: Partial<SseEvent>): Promise<void>;
  end(): Promise<void>;
  /** The answer is incomplete and its reader shall see that. */
  abort(): void;
}

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
} as const;

/** The sink of a body with one message: the exchange itself. `more` are headers of every answer. */
export function exchangeSink(exchange: Exchange, more: Readonly<Record<string, string>> = {}): Sink {
  let stream: ResponseStream | null = null;
  return {
    async whole(status, headers, body) {
      await exchange.respond(status, { ...headers, ...more }, body.length > 0 ? body : undefined);
    },
    async event(event) {
      stream ??= exchange.stream(200, { ...streamHeaders, ...more });
      await stream.write(encodeSseEvent(event));
    },
    async end() {
      stream ??= exchange.stream(200, { ...streamHeaders, ...more });
      await stream.end();
    },
    abort: () => (stream ? stream.abort() : exchange.connection.cut()),
  };
}

/** The sink of one message of a batch (MCP 2025-03-26): all answers are events of one stream, in any order. */
export function batchSink(shared: Sink): Sink {
  return {
    async whole(_status, _headers, body) {
      if (body.length > 0) await shared.event({ event: 'message', data: Buffer.from(body).toString('utf8') });
    },
    event: (event) => shared.event(event),
    end: () => Promise.resolve(),
    abort: () => shared.abort(),
  };
}

/** Answers with one JSON message. */
export async function answerJson(sink: Sink, status: number, message: JsonObject): Promise<void> {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  await sink.whole(status, headers, utf8(JSON.stringify(message)));
}
