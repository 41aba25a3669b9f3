import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { createTurns } from './turns.ts';

/** Turns whose rounds are begun by hand; who started is noted in order. */
function turns() {
  const clock = steppedClock(1_000);
  let begin: (() => void) | null = null;
  const all = createTurns({ clock, nextRound: (next) => (begin = next) });
  const order: string[] = [];
  const started = (agent: string, then: () => void): void => {
    const turn = all.take(agent);
    if (turn) void turn.then(then);
    else then();
  };
  const take = (agent: string, times = 1): void => {
    for (let at = 0; at < times; at++) started(agent, () => order.push(agent));
  };
  const round = async (): Promise<void> => {
    const now = begin;
    begin = null;
    now?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, order, take, started, round, idle: () => begin === null };
}

test('T7 a flood of one agent starts a few each time round, and the others start at once', async () => {
  const { order, take, round } = turns();
  take('other');
  take('flood', 1_000);
  assert.deepEqual(order, ['other', 'flood', 'flood']);
  take('other');
  assert.equal(order.at(-1), 'other');
  for (let rounds = 0; rounds < 100; rounds++) {
    await round();
    const before = order.length;
    take('other');
    assert.equal(order.length, before + 1, 'the other waits for nobody');
  }
  assert.equal(order.filter((agent) => agent === 'flood').length, 202);
  assert.equal(order.filter((agent) => agent === 'other').length, 102);
});

test('T7 two floods share alike', async () => {
  const { order, take, round } = turns();
  take('b');
  take('a', 100);
  take('b', 99);
  for (let rounds = 0; rounds < 20; rounds++) await round();
  const count = (agent: string): number => order.filter((each) => each === agent).length;
  assert.ok(Math.abs(count('a') - count('b')) <= 1, order.join());
  assert.equal(count('a'), 42);
});

test('T7 an agent alone waits for nothing, and soon again after another was there', async () => {
  const { clock, order, take, round } = turns();
  take('a', 1_000);
  assert.equal(order.length, 1_000);
  take('b');
  take('a', 10);
  assert.equal(order.length, 1_003);
  while (order.length < 1_011) await round();
  clock.advance(101);
  take('a', 1_000);
  assert.equal(order.length, 2_011);
});

test('T7 requests of one agent start in the order in which they came', async () => {
  const { take, round, started } = turns();
  take('other');
  const names: number[] = [];
  for (let at = 0; at < 10; at++) started('a', () => names.push(at));
  for (let rounds = 0; rounds < 10; rounds++) await round();
  assert.deepEqual(names, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('T7 nothing is kept of agents that are served', async () => {
  const { take, round, idle } = turns();
  for (let agent = 0; agent < 100; agent++) take(`agent-${agent}`, 3);
  for (let rounds = 0; rounds < 3; rounds++) await round();
  assert.ok(idle(), 'no round is waited for');
});
