import type { EndedSpan, SpanSink } from './span.ts';

/** Brings spans to whoever keeps them. */
export interface SpanExporter extends AsyncDisposable {
  readonly sink: SpanSink;
  /** Spans that were given up: there was no room for them, or nobody took them. */
  dropped(): number;
  sent(): number;
  /** Why the last attempt failed; null when it did not. */
  problem(): string | null;
}

/** The most spans that wait, and that are sent at once. */
const mostWaiting = 4_096;
const batchSize = 512;
const everyMilliseconds = 1_000;

/**
 * Nothing ever waits for it: spans wait here, so many at most, and go in pieces. What is not taken is given up and
 * counted. `send` rejects for what was not taken.
 */
export function createSpanExporter(options: {
  readonly send: (spans: readonly EndedSpan[]) => Promise<void>;
  readonly explain: (error: unknown) => string;
  readonly every?: number;
}): SpanExporter {
  const { send, explain } = options;
  let waiting: EndedSpan[] = [];
  let dropped = 0;
  let sent = 0;
  let problem: string | null = null;
  let sending: Promise<void> | null = null;

  const sendAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchSize);
      waiting = waiting.slice(batchSize);
      try {
        await send(batch);
        sent += batch.length;
        problem = null;
      } catch (error) {
        dropped += batch.length;
        problem = explain(error);
        // Whoever is away is asked again with the next turn.
        return;
      }
    }
  };
  const turn = (): Promise<void> => {
    sending ??= sendAll().finally(() => (sending = null));
    return sending;
  };
  const timer = setInterval(() => void turn(), options.every ?? everyMilliseconds);
  timer.unref();
  return {
    sink(span) {
      if (waiting.length >= mostWaiting) dropped += 1;
      else waiting.push(span);
    },
    dropped: () => dropped,
    sent: () => sent,
    problem: () => problem,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await turn();
      await turn();
    },
  };
}
