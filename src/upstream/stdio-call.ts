import { type ChunkQueue, createChunkQueue } from '../http/chunk-queue.ts';
import { utf8 } from '../kernel/bytes.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import type { UpstreamLimits } from './limits.ts';
import type { UpstreamResponse } from './upstream.ts';

/** One POST that waits for its answer: JSON when the answer is all that comes, an event stream otherwise. */
export interface StdioCall {
  readonly response: Promise<UpstreamResponse>;
  /** A message on the way to the answer. */
  event(message: JsonObject): void;
  /** The answer to one of its requests. */
  answer(message: JsonObject): void;
  /** Ends without (all of) its answers, as after a cancellation. */
  finish(): void;
  fail(fault: Fault): void;
  readonly over: boolean;
}

export interface StdioCallOptions {
  /** How many answers are awaited. */
  readonly requests: number;
  /** Whether the answers came for a batch and can only be told as a stream. */
  readonly batch: boolean;
  /** The status of a lone JSON answer. */
  readonly status: (answer: JsonObject) => number;
  /** null: it may wait for ever. */
  readonly answerMilliseconds: number | null;
  readonly limits: UpstreamLimits;
  /** Nothing was heard for too long. */
  readonly onSilent: () => void;
  /** The reader of the stream left. */
  readonly onLeft: () => void;
  /** Called once: answered, failed, finished. */
  readonly onOver: () => void;
}

export function createStdioCall(options: StdioCallOptions): StdioCall {
  const { limits } = options;
  const { promise: response, resolve, reject } = Promise.withResolvers<UpstreamResponse>();
  let awaited = options.requests;
  let queue: ChunkQueue | null = null;
  let over = false;
  let timer: NodeJS.Timeout | null = null;

  const listen = (): void => {
    if (timer) clearTimeout(timer);
    if (options.answerMilliseconds !== null) timer = setTimeout(options.onSilent, options.answerMilliseconds);
  };
  const conclude = (): boolean => {
    if (over) return false;
    over = true;
    if (timer) clearTimeout(timer);
    options.onOver();
    return true;
  };
  const stream = (): ChunkQueue => {
    if (queue) return queue;
    queue = createChunkQueue({ onLeft: options.onLeft });
    resolve(eventStream(queue.chunks));
    return queue;
  };
  const call: StdioCall = {
    response,
    event(message) {
      if (over) return;
      listen();
      pushEvent(stream(), message, limits);
    },
    answer(message) {
      if (over) return;
      listen();
      awaited -= 1;
      if (awaited > 0 || options.batch || queue) pushEvent(stream(), message, limits);
      else resolve(json(options.status(message), message));
      if (awaited === 0) call.finish();
    },
    finish() {
      if (!conclude()) return;
      if (awaited > 0) stream();
      queue?.end();
    },
    fail(fault) {
      if (!conclude()) return;
      reject(fault);
      queue?.fail(fault);
    },
    get over() {
      return over;
    },
  };
  // Whoever gave up waiting does not look at the answer.
  response.catch(() => undefined);
  listen();
  return call;
}

/** Writes one message to an event stream, or cuts it when its reader is too slow. */
export function pushEvent(queue: ChunkQueue, message: JsonObject, limits: UpstreamLimits): void {
  queue.push(utf8(`event: message\ndata: ${JSON.stringify(message)}\n\n`));
  if (queue.size > limits.queueBytes) {
    queue.fail(new Fault('upstream_too_large', 'The MCP server sends faster than the caller reads.'));
  }
}

export function eventStream(body: AsyncIterable<Uint8Array>): UpstreamResponse {
  return { status: 200, headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }, body };
}

export function json(status: number, message: JsonObject): UpstreamResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: utf8(JSON.stringify(message)),
  };
}

export function empty(status: number): UpstreamResponse {
  return { status, headers: {}, body: new Uint8Array() };
}
