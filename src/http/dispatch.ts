import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { type ChunkQueue, createChunkQueue } from './chunk-queue.ts';

/** The head of an answer and its body as it comes. */
export interface Dispatched {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Leaving the iteration early, or never beginning it and aborting the signal, ends the exchange. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Octets that may wait for a slow reader before the peer is asked to pause. */
const highWaterOctets = 256 * 1024;

/**
 * One request through undici's dispatch, the fast way (no streams, no body mixin). Redirects are answers like any
 * other. Throws, and its body throws, undici's own errors or the reason of the signal.
 */
export function dispatch(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  signal: AbortSignal,
): Promise<Dispatched> {
  const { promise, resolve, reject } = Promise.withResolvers<Dispatched>();
  let controller: Dispatcher.DispatchController | null = null;
  let queue: ChunkQueue | null = null;
  const reason = (): Error =>
    signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason });
  const onAbort = (): void => {
    reject(reason());
    queue?.fail(reason());
    controller?.abort(reason());
  };
  const over = (): void => signal.removeEventListener('abort', onAbort);
  if (signal.aborted) {
    onAbort();
    return promise;
  }
  signal.addEventListener('abort', onAbort, { once: true });
  dispatcher.dispatch(options, {
    onRequestStart(given) {
      controller = given;
      // Aborted while the connection was being made.
      if (signal.aborted) given.abort(reason());
    },
    onResponseStart(given, status, headers) {
      if (status < 200) return;
      queue = createChunkQueue({
        onDrained: () => given.resume(),
        onLeft: () => given.abort(new Error('the reader left')),
      });
      resolve({ status, headers, body: queue.chunks });
    },
    onResponseData(given, chunk) {
      queue?.push(chunk);
      if (queue && queue.size > highWaterOctets) given.pause();
    },
    onResponseEnd() {
      over();
      queue?.end();
    },
    onResponseError(_given, error) {
      over();
      reject(error);
      queue?.fail(error);
    },
  });
  return promise;
}
