import { type ChunkQueue, createChunkQueue } from '../http/chunk-queue.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';
import type { UpstreamLimits } from './limits.ts';
import { eventStream, json, pushEvent } from './stdio-call.ts';
import type { UpstreamResponse } from './upstream.ts';

/** The stream of what belongs to no request: one at a time, and a little is kept while there is none. */
export interface NewsStream {
  readonly open: boolean;
  tell(message: JsonObject): void;
  /** Opens the stream; 409 while one is open. */
  listen(signal: AbortSignal): UpstreamResponse;
  end(): void;
}

/** Messages kept for a stream that is not open yet. */
const mostKept = 64;

/** `onChange` is called whenever the stream opens or ends. */
export function createNewsStream(limits: UpstreamLimits, onChange: () => void): NewsStream {
  let queue: ChunkQueue | null = null;
  let kept: JsonObject[] = [];
  let keptOctets = 0;

  const isOpen = (): boolean => queue !== null && !queue.ended;
  const keep = (message: JsonObject): void => {
    const size = JSON.stringify(message).length;
    if (kept.length >= mostKept || keptOctets + size > limits.messageBytes) return;
    kept.push(message);
    keptOctets += size;
  };

  return {
    get open() {
      return isOpen();
    },
    tell(message) {
      if (queue && !queue.ended) pushEvent(queue, message, limits);
      else keep(message);
    },
    listen(signal) {
      if (isOpen()) {
        const error = { code: -32000, message: 'This session has a stream open already.' };
        return json(409, { jsonrpc: '2.0', id: null, error });
      }
      const opened = createChunkQueue({ onLeft: onChange });
      queue = opened;
      const leave = (): void => {
        opened.end();
        onChange();
      };
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
      for (const message of kept) pushEvent(opened, message, limits);
      kept = [];
      keptOctets = 0;
      onChange();
      return eventStream(opened.chunks);
    },
    end: () => queue?.end(),
  };
}
