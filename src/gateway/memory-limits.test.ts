import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { aRule } from './caller.fixture.ts';
import type { LimitRule } from './limit-rule.ts';
import { memoryLimitStore } from './memory-limits.ts';

const start = Date.UTC(2026, 10, 25, 12);
const onePerDay = aRule('r', ['agent', 'tool'], {
  budget: { hour: null, day: { calls: 1, octets: null } },
});

function store(clock = steppedClock(start), bounds = { countersPerRule: 40, countersPerAgent: 10 }) {
  const limits = memoryLimitStore(clock, bounds);
  const take = (rule: LimitRule, agent: string, tool: string): boolean => {
    const verdict = limits.take([{ rule, key: `${agent} ${tool}`, agent, calls: 1 }]);
    if (verdict.shortage) return false;
    verdict.leave();
    return true;
  };
  return { limits, clock, take };
}

test('T7 made-up names fill no memory, and a counter in use is never forgotten for them', () => {
  const { limits, take } = store();
  assert.ok(take(onePerDay, 'flood', 'real'));
  let passed = 0;
  for (let name = 0; name < 10_000; name++) passed += Number(take(onePerDay, 'flood', `made-up-${name}`));
  assert.ok(limits.size <= 11, `${limits.size} counters`);
  // Nine more counters, and the one that all further names share.
  assert.equal(passed, 10);
  assert.equal(take(onePerDay, 'flood', 'real'), false);
});

test('T7 one agent that makes up names takes no room from another', () => {
  const { take } = store();
  for (let name = 0; name < 1_000; name++) take(onePerDay, 'flood', `made-up-${name}`);
  assert.ok(take(onePerDay, 'other', 'a'));
  assert.ok(take(onePerDay, 'other', 'b'));
  assert.equal(take(onePerDay, 'other', 'a'), false);
});

test('T7 when all room of a rule is taken, every agent still has a counter of its own', () => {
  const { limits, take } = store();
  for (let agent = 0; agent < 10; agent++) {
    for (let name = 0; name < 100; name++) take(onePerDay, `agent-${agent}`, `tool-${name}`);
  }
  assert.ok(limits.size <= 50, `${limits.size} counters`);
  assert.ok(take(onePerDay, 'late', 'a'), 'the first call of an agent passes');
  assert.equal(take(onePerDay, 'late', 'b'), false, 'and the next is held to the limit');
});

test('T7 counters that hold nothing make room again', () => {
  const { limits, clock, take } = store();
  for (let name = 0; name < 100; name++) take(onePerDay, 'a', `tool-${name}`);
  clock.advance(24 * 3_600_000);
  let passed = 0;
  for (let name = 0; name < 10; name++) passed += Number(take(onePerDay, 'a', `next-${name}`));
  assert.equal(passed, 10);
  assert.ok(limits.size <= 11);
});

test('T7 a call that is open keeps its counter, however many names come after it', () => {
  const { limits } = store();
  const rule = aRule('c', ['agent', 'tool'], { concurrent: 1 });
  const first = limits.take([{ rule, key: 'a open', agent: 'a', calls: 1 }]);
  for (let name = 0; name < 1_000; name++) {
    const verdict = limits.take([{ rule, key: `a ${name}`, agent: 'a', calls: 1 }]);
    if (!verdict.shortage) verdict.leave();
  }
  assert.ok(limits.take([{ rule, key: 'a open', agent: 'a', calls: 1 }]).shortage);
  if (!first.shortage) first.leave();
  assert.equal(limits.take([{ rule, key: 'a open', agent: 'a', calls: 1 }]).shortage, null);
});

test('T7 setting the wall clock back or forth begins no budget anew', () => {
  const steady = steppedClock(start);
  let shift = 0;
  const clock = { now: () => steady.now() + shift, monotonic: () => steady.monotonic() };
  const limits = memoryLimitStore(clock);
  const take = (): boolean => {
    const verdict = limits.take([{ rule: onePerDay, key: 'a', agent: 'a', calls: 1 }]);
    return !verdict.shortage;
  };
  assert.ok(take());
  shift = 48 * 3_600_000;
  assert.equal(take(), false);
  shift = -48 * 3_600_000;
  assert.equal(take(), false);
});

test('T7 hours end with those of UTC, whenever the process began', () => {
  const steady = steppedClock(start + 59 * 60_000);
  const clock = { now: () => steady.now(), monotonic: () => steady.now() - start + 12_345 };
  const limits = memoryLimitStore(clock);
  const rule = aRule('h', ['agent'], { budget: { hour: { calls: 1, octets: null }, day: null } });
  const take = (): number | null | undefined =>
    limits.take([{ rule, key: 'a', agent: 'a', calls: 1 }]).shortage?.milliseconds;
  assert.equal(take(), undefined);
  assert.equal(take(), 60_000);
  steady.advance(60_000);
  assert.equal(take(), undefined);
});
