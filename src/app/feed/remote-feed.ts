import { requireAuthority } from '../../bridge/require-peer.ts';
import { createClient } from '../../http/fetch.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { createLineCutter } from '../../mcp/line-cutter.ts';
import { randomFraction } from '../../kernel/random.ts';
import type { FeedMessage } from './feed-message.ts';
import { FeedAssembler, partsPreference, type SnapshotPart } from './snapshot-parts.ts';

/** A gateway's own certificate as it is now, and the roots it trusts, in PEM. */
export interface FeedIdentity {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: string;
}

const longestLine = 64 * 1024 * 1024;
/** The feed has a heartbeat every second; longer silence is a dead connection. */
const silenceMilliseconds = 5_000;

/**
 * Follows the feed of an authority elsewhere over mutual TLS and never gives up: every break is followed by a new
 * connection and a new snapshot, after a pause that grows with jitter. Returns how to stop.
 */
export function followRemoteFeed(options: {
  readonly authority: string;
  readonly identity: () => FeedIdentity;
  readonly listener: (message: FeedMessage) => void;
  readonly log: (line: string) => void;
}): () => void {
  const stop = new AbortController();
  void follow(options, stop.signal);
  return () => stop.abort();
}

async function follow(options: Parameters<typeof followRemoteFeed>[0], stop: AbortSignal): Promise<void> {
  for (let failures = 1; !stop.aborted; failures++) {
    const heard = (message: FeedMessage): void => {
      failures = 0;
      options.listener(message);
    };
    const reason = await readFeed(options.authority, options.identity(), heard, stop).catch(errorText);
    if (stop.aborted) return;
    const pause = Math.min(10_000, 200 * 2 ** Math.min(failures, 6)) * (0.5 + randomFraction() / 2);
    options.log(
      `The feed of ${options.authority} broke (${reason}); trying again in ${Math.round(pause)} ms.`,
    );
    await wait(pause, stop);
  }
}

/** Reads one feed to its end; the result says why it ended. */
async function readFeed(
  authority: string,
  identity: FeedIdentity,
  heard: (message: FeedMessage) => void,
  signal: AbortSignal,
): Promise<string> {
  await using client = createClient({
    tls: { ...identity, inspect: requireAuthority(null) },
    addressGuard: 'any',
    limits: { idleMilliseconds: silenceMilliseconds },
  });
  const url = new URL('/v1/feed', authority).href;
  const headers = { prefer: partsPreference };
  const { status, chunks } = await client.request({ method: 'GET', url, headers, signal, stream: true });
  if (status !== 200) return `HTTP ${status}`;
  const assembler = new FeedAssembler();
  let tooLong = false;
  const lines = createLineCutter(longestLine, {
    line(line) {
      const message = assembler.take(readMessage(line.toString('utf8')));
      if (message) heard(message);
    },
    tooLong: () => (tooLong = true),
  });
  for await (const chunk of chunks) {
    lines.push(chunk);
    if (tooLong) return 'a line is too long';
  }
  return 'the authority ended it';
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}

const types: readonly string[] = ['snapshot', 'part', 'change', 'policies', 'heartbeat'] satisfies (
  | FeedMessage
  | SnapshotPart
)['type'][];

/** The peer is our own authority, proved by TLS; the shape of a known type is its promise. */
function readMessage(line: string): FeedMessage | SnapshotPart {
  const value: unknown = JSON.parse(line);
  if (typeof value === 'object' && value !== null && 'type' in value && types.includes(String(value.type))) {
    return value as FeedMessage | SnapshotPart;
  }
  throw new Fault('invalid_input', 'The feed sent a message of an unknown type; is the authority newer?');
}
