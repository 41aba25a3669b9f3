import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthorities } from '../../bridge/authorities.ts';
import { type FixtureAuthority, startAuthority } from '../../bridge/authority.fixture.ts';
import type { Listener } from '../../http/exchange.ts';
import { listen } from '../../http/listen.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { Change } from '../store/change-feed.ts';
import type { FeedMessage } from './feed-message.ts';
import { followRemoteFeed } from './remote-feed.ts';

/** What one connection was asked for with, and the messages that it answers. */
type Answer = (query: URLSearchParams) => readonly object[];

/** An authority whose feed ends after its messages; the last answer is given again and again. */
async function feedOf(authority: FixtureAuthority, answers: readonly Answer[]): Promise<Listener> {
  let asked = 0;
  return await listen({
    name: 'authority',
    host: '127.0.0.1',
    port: 0,
    tls: {
      material: authority.material('authority'),
      clientCertificate: 'optional',
      minimumVersion: 'TLSv1.3',
    },
    hosts: [],
    origins: [],
    async handle(exchange) {
      const messages = answers[Math.min(asked, answers.length - 1)]?.(exchange.query) ?? [];
      asked += 1;
      const stream = exchange.stream(200, { 'content-type': 'application/jsonl' });
      for (const message of messages) await stream.write(`${JSON.stringify(message)}\n`);
      await stream.end();
    },
    clock: systemClock,
  });
}

const snapshot = (store: string, sequence: number): FeedMessage => ({
  type: 'snapshot',
  store,
  registry: { sequence, certificates: [], agents: [], servers: [] },
  policies: [],
});
const change = (sequence: number): FeedMessage => ({
  type: 'change',
  change: { sequence, kind: 'server', key: 's', value: null } satisfies Change,
});

/** Follows two authorities until `count` messages were heard, and says what they were. */
async function hear(answers: readonly [readonly Answer[], readonly Answer[]], count: number) {
  await using authority = await startAuthority();
  const places = await Promise.all(answers.map((each) => feedOf(authority, each)));
  const heard: FeedMessage[] = [];
  const lines: string[] = [];
  const { certificate, key } = authority.agent('edge');
  await new Promise<void>((resolve) => {
    const stop = followRemoteFeed({
      authorities: createAuthorities(places.map(({ url }) => url).join(), () => undefined),
      identity: () => ({ certificate, key, authorities: authority.root }),
      listener(message) {
        heard.push(message);
        if (heard.length < count) return;
        stop();
        resolve();
      },
      clock: systemClock,
      log: (line) => lines.push(line),
    });
  });
  await Promise.all(places.map((place) => place.close()));
  return { heard, lines };
}

const numberOf = (message: FeedMessage): unknown =>
  message.type === 'snapshot'
    ? message.registry.sequence
    : message.type === 'change'
      ? message.change.sequence
      : message.type;

test('I7 a gateway goes on at the next authority from the last change that it heard of the one before', async () => {
  let asked = '';
  const { heard } = await hear(
    [
      [() => [snapshot('s', 5), change(6)]],
      [
        (query) => {
          asked = query.toString();
          return [{ type: 'resumed', store: 's', policies: [], trust: { roots: '', issuer: '' } }, change(7)];
        },
      ],
    ],
    4,
  );
  assert.equal(asked, 'store=s&after=6');
  assert.deepEqual(heard.map(numberOf), [5, 6, 'resumed', 7]);
});

test('I7 a registry that is older than what another authority told is not believed', async () => {
  const { heard, lines } = await hear(
    [[() => [snapshot('s', 9)], () => [snapshot('s', 10)]], [() => [snapshot('s', 8)]]],
    2,
  );
  assert.deepEqual(heard.map(numberOf), [9, 10]);
  assert.ok(lines.some((line) => line.includes('not believed')));
});

test('I7 after a restoration it is another history, and its numbers are no older ones', async () => {
  const { heard } = await hear([[() => [snapshot('s', 9)]], [() => [snapshot('restored', 8)]]], 2);
  assert.deepEqual(heard.map(numberOf), [9, 8]);
});
