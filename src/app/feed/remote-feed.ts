import { type ClientRequest, request } from 'node:https';
import { Fault } from '../../kernel/fault.ts';
import { randomFraction } from '../../kernel/random.ts';
import type { FeedMessage } from './feed-message.ts';

/** A gateway's own certificate as it is now, and the roots it trusts, in PEM. */
export interface FeedIdentity {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: string;
}

const longestLine = 64 * 1024 * 1024;
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
  let stopped = false;
  let current: ClientRequest | null = null;
  let timer: NodeJS.Timeout | null = null;
  let failures = 0;
  const connect = (): void => {
    current = openFeed(options.authority, options.identity(), {
      message(message) {
        failures = 0;
        options.listener(message);
      },
      ended(reason) {
        if (stopped) return;
        failures += 1;
        const pause = Math.min(10_000, 200 * 2 ** Math.min(failures, 6)) * (0.5 + randomFraction() / 2);
        options.log(`The feed of ${options.authority} broke (${reason}); trying again in ${Math.round(pause)} ms.`);
        timer = setTimeout(connect, pause);
      },
    });
  };
  connect();
  return () => {
    stopped = true;
    if (timer) clearTimeout(timer);
    current?.destroy();
  };
}

interface FeedEvents {
  message(message: FeedMessage): void;
  /** Called exactly once. */
  ended(reason: string): void;
}

function openFeed(authority: string, identity: FeedIdentity, events: FeedEvents): ClientRequest {
  let over = false;
  const ended = (reason: string): void => {
    if (over) return;
    over = true;
    sent.destroy();
    events.ended(reason);
  };
  const sent = request(new URL('/v1/feed', authority), {
    cert: identity.certificate,
    key: identity.key,
    ca: identity.authorities,
    minVersion: 'TLSv1.3',
    agent: false,
  });
  // The feed has a heartbeat every second; longer silence is a dead connection.
  sent.setTimeout(silenceMilliseconds, () => ended(`nothing heard for ${silenceMilliseconds} ms`));
  sent.once('error', (error) => ended(error.message));
  sent.once('response', (response) => {
    if (response.statusCode !== 200) return ended(`HTTP ${response.statusCode}`);
    let pending = '';
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      pending += text;
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > longestLine) return ended('a line is too long');
      try {
        for (const line of lines) events.message(readMessage(line));
      } catch (error) {
        ended(error instanceof Error ? error.message : 'a line could not be read');
      }
    });
    response.once('close', () => ended('the authority ended it'));
    response.once('error', (error) => ended(error.message));
  });
  sent.end();
  return sent;
}

const types: readonly string[] = ['snapshot', 'change', 'policies', 'heartbeat'] satisfies FeedMessage['type'][];

/** The peer is our own authority, proved by TLS; the shape of a known type is its promise. */
function readMessage(line: string): FeedMessage {
  const value: unknown = JSON.parse(line);
  if (typeof value === 'object' && value !== null && 'type' in value && types.includes(String(value.type))) {
    return value as FeedMessage;
  }
  throw new Fault('invalid_input', 'The feed sent a message of an unknown type; is the authority newer?');
}
