import { errorText, Fault } from '../../kernel/fault.ts';
import type { SseEvent } from '../../mcp/sse.ts';
import type { Sink } from './sink.ts';

/** One stream to an agent into which the streams of several servers flow. */
export interface MergedStream {
  send(event: Partial<SseEvent>): Promise<void>;
  /** Follows a server until `follow` is done or the stream ends; does nothing while the server is followed already. */
  attach(server: string, follow: (signal: AbortSignal) => Promise<void>): void;
  /** Stops following every server that is not among these. `serverOf` tells the server of what is followed. */
  keep(servers: ReadonlySet<string>, serverOf?: (followed: string) => string): void;
  /** Ends it from our side. */
  close(): void;
  /** Resolves when it has ended or the agent is gone. */
  readonly over: Promise<void>;
}

/** How often a comment shows that a silent stream is alive, in milliseconds. */
const keepAliveMilliseconds = 25_000;

export interface MergedStreamPorts {
  readonly silentMilliseconds: number;
  /** Aborted when the stream has to go on elsewhere. */
  readonly leaving: AbortSignal;
  readonly log: (line: string) => void;
}

/**
 * `silentMilliseconds`: after how long without an event the stream is ended; the comments that show that it is alive are
 * none, or it would be kept for a client that has forgotten it.
 */
export function createMergedStream(
  sink: Sink,
  closed: AbortSignal,
  { silentMilliseconds, leaving, log }: MergedStreamPorts,
): MergedStream {
  const followed = new Map<string, AbortController>();
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let ended = false;
  const end = (): void => {
    ended = true;
    clearInterval(keepAlive);
    clearTimeout(silence);
    for (const following of followed.values()) following.abort(gone());
    followed.clear();
    resolve();
  };
  const send = async (event: Partial<SseEvent>): Promise<void> => {
    if (ended) return;
    silence.refresh();
    await sink.event(event);
  };
  const keepAlive = setInterval(
    () => {
      sink.event({ comment: '' }).catch(end);
    },
    Math.min(keepAliveMilliseconds, silentMilliseconds / 4),
  );
  const silence = setTimeout(end, silentMilliseconds);
  keepAlive.unref();
  silence.unref();
  const stop = AbortSignal.any([closed, leaving]);
  if (stop.aborted) end();
  else stop.addEventListener('abort', end, { once: true });
  return {
    over,
    close: end,
    send,
    attach(server, follow) {
      if (followed.has(server) || ended) return;
      const following = new AbortController();
      followed.set(server, following);
      follow(following.signal)
        .catch((error: unknown) => {
          if (!following.signal.aborted) log(`News of ${server} for all servers: ${errorText(error)}`);
        })
        .finally(() => {
          if (followed.get(server) === following) followed.delete(server);
        });
    },
    keep(servers, serverOf = (name) => name) {
      for (const [name, following] of followed) {
        if (servers.has(serverOf(name))) continue;
        followed.delete(name);
        following.abort(gone());
      }
    },
  };
}

function gone(): Fault {
  return new Fault('unavailable', 'The stream is no longer wanted.');
}

/** The waits between attempts to open a server's stream again, in milliseconds. */
const shortestWait = 1_000;
const longestWait = 30_000;

/** What became of one attempt to follow a server. */
export type Following =
  /** There is nothing to follow at this server. */
  | 'never'
  /** The stream ended, or could not be opened; `heard` says whether anything came. */
  | { readonly heard: boolean; readonly retry: number | null };

/** Opens a server's stream again and again, with growing waits while it brings nothing, until the signal aborts. */
export async function keepFollowing(
  open: (signal: AbortSignal, attempt: number) => Promise<Following>,
  signal: AbortSignal,
): Promise<void> {
  let wait = shortestWait;
  for (let attempt = 0; !signal.aborted; attempt++) {
    const ended = await open(signal, attempt);
    if (ended === 'never') return;
    wait = ended.heard ? shortestWait : Math.min(wait * 2, longestWait);
    await pause(ended.retry === null ? wait : Math.max(ended.retry, 100), signal);
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.min(milliseconds, longestWait));
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
