import type { Authorities } from '../../bridge/authorities.ts';
import { requireAuthority } from '../../bridge/require-peer.ts';
import { createClient } from '../../http/fetch.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { createLineCutter } from '../../mcp/line-cutter.ts';
import { randomFraction } from '../../kernel/random.ts';
import { compareClocks } from './compare-clocks.ts';
import { FeedAge } from './feed-age.ts';
import type { FeedMessage, HeardOf } from './feed-message.ts';
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
/** Clocks drift: after so long without a comparison the feed is opened anew, which is one. */
const uncomparedMilliseconds = 10 * 60_000;

/** Takes a message, and when it was said at the earliest by this machine's monotonic clock. */
type Listener = (message: FeedMessage, saidAt: number) => void;

/**
 * Follows the feed of authorities elsewhere over mutual TLS and never gives up: every break is followed by a connection to the
 * next of them, which goes on from what was heard of the one before. When none is left there is a pause that grows with
 * jitter. Returns how to stop.
 */
export function followRemoteFeed(options: {
  readonly authorities: Authorities;
  readonly identity: () => FeedIdentity;
  readonly listener: Listener;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: (line: string) => void;
}): () => void {
  const stop = new AbortController();
  void follow(options, stop.signal);
  return () => stop.abort();
}

async function follow(options: Parameters<typeof followRemoteFeed>[0], stop: AbortSignal): Promise<void> {
  const { authorities, log } = options;
  const all = authorities.urls.length;
  const progress = new FeedProgress({ refusesOlder: all > 1 });
  for (let failed = 1; !stop.aborted; failed++) {
    const authority = authorities.current();
    const listener: Listener = (message, saidAt) => {
      progress.take(message);
      failed = 1;
      options.listener(message, saidAt);
    };
    const feed = { authority, identity: options.identity(), heard: progress.heard() };
    const reason = await readFeed({ ...feed, listener, clock: options.clock }, stop).catch(errorText);
    if (stop.aborted) return;
    authorities.leave(authority);
    if (failed % all > 0) {
      log(`The feed of ${authority} broke (${reason}); going on with that of ${authorities.current()}.`);
      continue;
    }
    const rounds = Math.min(failed / all - 1, 6);
    const pause = Math.min(10_000, 200 * 2 ** rounds) * (0.5 + randomFraction() / 2);
    log(`The feed of ${authority} broke (${reason}); trying again in ${Math.round(pause)} ms.`);
    await wait(pause, stop);
  }
}

/** What was heard so far, over all connections. */
class FeedProgress {
  private readonly refusesOlder: boolean;
  private last: HeardOf | null = null;

  constructor({ refusesOlder }: { readonly refusesOlder: boolean }) {
    this.refusesOlder = refusesOlder;
  }

  /** Where the next connection may go on from; null before the first snapshot. */
  heard(): HeardOf | null {
    return this.last;
  }

  /**
   * Throws Fault `unavailable` for a snapshot that is older than what another authority of the same store has told: revocations
   * would be taken back.
   */
  take(message: FeedMessage): void {
    if (message.type === 'change' && this.last) {
      this.last = { store: this.last.store, sequence: message.change.sequence };
    }
    if (message.type !== 'snapshot') return;
    const { store = '', registry } = message;
    const { last } = this;
    if (this.refusesOlder && last?.store === store && registry.sequence < last.sequence) {
      throw new Fault(
        'unavailable',
        `its registry is at change ${registry.sequence}, and ${last.sequence} was heard already; it is not believed`,
      );
    }
    this.last = { store, sequence: registry.sequence };
  }
}

interface FeedOrder {
  readonly authority: string;
  readonly identity: FeedIdentity;
  /** Where to go on from. */
  readonly heard: HeardOf | null;
  readonly listener: Listener;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Reads one feed to its end; the result says why it ended. */
async function readFeed(
  { authority, identity, heard, listener, clock }: FeedOrder,
  signal: AbortSignal,
): Promise<string> {
  await using client = createClient({
    tls: { ...identity, inspect: requireAuthority(null) },
    addressGuard: 'any',
    limits: { idleMilliseconds: silenceMilliseconds },
  });
  const sentAt = clock.monotonic();
  const { status, chunks } = await client.request({
    method: 'GET',
    url: feedUrl(authority, heard),
    headers: { prefer: partsPreference },
    signal,
    stream: true,
  });
  if (status !== 200) return `HTTP ${status}`;
  const assembler = new FeedAssembler();
  const age = new FeedAge(clock);
  const now = new URL('/v1/feed/now', authority).href;
  const compare = compareClocks(age, clock, () => client.request({ method: 'GET', url: now, signal }));
  let stamped = false;
  let tooLong = false;
  const lines = createLineCutter(longestLine, {
    line(line) {
      const message = assembler.take(readMessage(line.toString('utf8')));
      if (!message) return;
      const stamp = 'stamp' in message ? message.stamp : undefined;
      // The first is the answer to the request for the feed itself.
      if (stamp && !stamped) age.compare(stamp, sentAt);
      stamped ||= stamp !== undefined;
      const saidAt = age.saidAt(stamp);
      listener(message, saidAt);
      if (stamped) compare(saidAt);
    },
    tooLong: () => (tooLong = true),
  });
  for await (const chunk of chunks) {
    lines.push(chunk);
    if (tooLong) return 'a line is too long';
    if (stamped && age.sinceCompared() > uncomparedMilliseconds) return 'its clock could not be compared';
  }
  return 'the authority ended it';
}

function feedUrl(authority: string, heard: HeardOf | null): string {
  const url = new URL('/v1/feed', authority);
  if (heard?.store) {
    url.searchParams.set('store', heard.store);
    url.searchParams.set('after', String(heard.sequence));
  }
  return url.href;
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

const types: readonly string[] = [
  'snapshot',
  'resumed',
  'part',
  'change',
  'policies',
  'heartbeat',
] satisfies (FeedMessage | SnapshotPart)['type'][];

/** The peer is our own authority, proved by TLS; the shape of a known type is its promise. */
function readMessage(line: string): FeedMessage | SnapshotPart {
  const value: unknown = JSON.parse(line);
  if (typeof value === 'object' && value !== null && 'type' in value && types.includes(String(value.type))) {
    return value as FeedMessage | SnapshotPart;
  }
  throw new Fault('invalid_input', 'The feed sent a message of an unknown type; is the authority newer?');
}
