import type { Exchange } from '../../http/exchange.ts';
import type { Caller } from '../../identity/caller.ts';
import type { Authority } from '../authority/authority.ts';
import type { FeedMessage, HeardOf } from './feed-message.ts';
import { linesOf, partsPreference } from './snapshot-parts.ts';

/** How many messages may wait for a slow gateway before it is told to start over with a snapshot. */
const queueLimit = 10_000;

/** Sends the feed to a gateway as JSON lines until it goes away, falls behind, or its own certificate is revoked. */
export async function streamFeed(exchange: Exchange, authority: Authority, gateway: Caller): Promise<void> {
  const stream = exchange.stream(200, { 'content-type': 'application/jsonl', 'cache-control': 'no-store' });
  const inParts = exchange.headers.get('prefer') === partsPreference;
  const queue: FeedMessage[] = [];
  let wake: () => void = () => undefined;
  let over = false;
  const stop = await authority.feed.subscribe((message) => {
    queue.push(message);
    over ||= queue.length > queueLimit || revokes(message, gateway.serial);
    wake();
  }, heardBy(exchange.query));
  const gone = (): void => {
    over = true;
    wake();
  };
  exchange.closed.addEventListener('abort', gone, { once: true });
  try {
    while (!exchange.closed.aborted) {
      if (over) break;
      const message = queue.shift();
      if (message) {
        for (const line of inParts && message.type === 'snapshot'
          ? linesOf(message)
          : [JSON.stringify(message)]) {
          await stream.write(`${line}\n`);
        }
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (queue.length > 0 || over) resolve();
      });
    }
  } finally {
    stop();
    exchange.closed.removeEventListener('abort', gone);
    if (!exchange.closed.aborted) await stream.end();
  }
}

/** How far the gateway says it has heard; null for one that wants everything. */
function heardBy(query: URLSearchParams): HeardOf | null {
  const store = query.get('store');
  const sequence = Number(query.get('after') ?? Number.NaN);
  return store !== null && Number.isSafeInteger(sequence) && sequence >= 0 ? { store, sequence } : null;
}

function revokes(message: FeedMessage, serial: string): boolean {
  return (
    message.type === 'change' &&
    message.change.kind === 'certificate' &&
    message.change.key === serial &&
    message.change.value?.state === 'revoked'
  );
}
