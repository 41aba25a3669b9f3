import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, steppedClock } from '../../kernel/clock.ts';
import { joinPeers } from './join-peers.ts';
import type { Peers } from './peers.ts';
import { memoryMeta } from '../store/memory-meta.ts';
import type { SharedFacts } from './shared-facts.ts';

const silence = 10_000;

/** An authority that gives a sign of life when it is told to. */
async function opened(id: string, facts: SharedFacts, clock: Clock) {
  const says = { name: id, url: '', version: '1', issuers: 0 };
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const peers = await joinPeers({ id, facts, says, clock, log, times: { beat: 1, silence } });
  return { peers, lines };
}

/** Waits until every one of them has given two signs of life from now on: the first may have begun before. */
async function beats(...all: readonly Peers[]): Promise<void> {
  await Promise.all(
    all.map(async (peers) => {
      for (let left = 2; left > 0; left -= 1) {
        await new Promise<void>((resolve) => {
          const stop = peers.onBeat(async () => {
            stop();
            resolve();
          });
        });
      }
    }),
  );
}

test('I1 of several authorities one leads, and when it ends in order another does at once', async () => {
  const [facts, clock] = [memoryMeta(), steppedClock(0)];
  const { peers: a } = await opened('a', facts, clock);
  await using b = (await opened('b', facts, clock)).peers;
  assert.deepEqual([a.leads(), b.leads()], [true, false]);
  assert.deepEqual(
    b.list().map(({ id, alive, leads }) => [id, alive, leads]),
    [
      ['a', true, true],
      ['b', true, false],
    ],
  );
  await a[Symbol.asyncDispose]();
  await beats(b);
  assert.equal(b.leads(), true);
  assert.equal(b.isGone('a'), true);
});

test('I1 an authority that falls silent is taken for dead after its time, and not before', async () => {
  const [facts, clock] = [memoryMeta(), steppedClock(0)];
  let reached = true;
  const cut: SharedFacts = {
    get: async (name) => (reached ? await facts.get(name) : await Promise.reject(new Error('away'))),
    swap: async (name, before, after) =>
      reached ? await facts.swap(name, before, after) : await Promise.reject(new Error('away')),
  };
  await using a = (await opened('a', cut, clock)).peers;
  await using b = (await opened('b', facts, clock)).peers;
  reached = false;
  clock.advance(silence / 2);
  await beats(b);
  // It does not hold itself for the leader any more, and nobody else does yet.
  assert.deepEqual([a.leads(), a.isCurrent(), b.leads(), b.isGone('a')], [false, false, false, false]);
  clock.advance(silence / 2);
  await beats(b);
  assert.deepEqual([a.leads(), b.leads(), b.isGone('a')], [false, true, true]);
  reached = true;
  await beats(a, b);
  assert.deepEqual([a.leads(), a.isCurrent(), b.leads(), b.isGone('a')], [false, true, true, false]);
});

test('I1 who is new here counts as alive until it has been silent for its time', async () => {
  const [facts, clock] = [memoryMeta(), steppedClock(0)];
  const stored = {
    leader: 'dead',
    term: 4,
    peers: { dead: { name: 'd', url: '', version: '1', issuers: 0, life: 'x', beat: 9 } },
  };
  await facts.set('authorities', JSON.stringify(stored));
  await using a = (await opened('a', facts, clock)).peers;
  assert.deepEqual([a.leads(), a.isGone('dead'), a.isGone('never heard of')], [false, false, true]);
  clock.advance(silence);
  await beats(a);
  assert.deepEqual([a.leads(), a.isGone('dead')], [true, true]);
});

test('I1 of two processes with the same folder the older one stops at the first sign of life of the other', async () => {
  const [facts, clock] = [memoryMeta(), steppedClock(0)];
  const { peers: first, lines } = await opened('a', facts, clock);
  await using second = (await opened('a', facts, clock)).peers;
  for (let turns = 0; first.isCurrent() && turns < 1_000; turns += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.deepEqual([first.isCurrent(), first.leads(), second.isCurrent()], [false, false, true]);
  assert.match(lines.join('\n'), /its folder was copied/);
  await first[Symbol.asyncDispose]();
  // It does not strike the other off the roll.
  await beats(second);
  assert.equal(second.list().length, 1);
});
