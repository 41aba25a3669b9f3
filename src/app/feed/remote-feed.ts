import type { Authorities } from '../../bridge/authorities.ts';
import { requireAuthority } from '../../bridge/require-peer.ts';
import { createClient } from '../../http/fetch.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { createLineCutter } from '../../mcp/line-cutter.ts';
import { randomFraction } from '../../kernel/random.ts';
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

/**
 * Follows the feed of authorities elsewhere over mutual TLS and never gives up: every break is followed by a connection to the
 * next of them, which goes on from what was heard of the one before. When none is left there is a pause that grows with
 * jitter. Returns how to stop.
 */
export function followRemoteFeed(options: {
  readonly authorities: Authorities;
  readonly identity: () => FeedIdentity;
  readonly listener: (message: FeedMessage) => void;
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
    const heard = (message: FeedMessage): void => {
      progress.take(message);
      failed = 1;
      options.listener(message);
    };
    const feed = { authority, identity: options.identity(), heard: progress.heard() };
    const reason = await readFeed(feed, heard, stop).catch(errorText);
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

/** Reads one feed to its end; the result says why it ended. */
async function readFeed(
  {
    authority,
    identity,
    heard: so,
  }: { readonly authority: string; readonly identity: FeedIdentity; readonly heard: HeardOf | null },
  heard: (message: FeedMessage) => void,
  signal: AbortSignal,
): Promise<string> {
  await using client = createClient({
    tls: { ...identity, inspect: requireAuthority(null) },
    addressGuard: 'any',
    limits: { idleMilliseconds: silenceMilliseconds },
  });
  const url = new URL('/v1/feed', authority);
  if (so?.store) {
    url.searchParams.set('store', so.store);
    url.searchParams.set('after', String(so.sequence));
  }
  const { status, chunks } = await client.request({
    method: 'GET',
    url: url.href,
    headers: { prefer: partsPreference },
    signal,
    stream: true,
  });
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
