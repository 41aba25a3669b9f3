import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import type { Use } from './flow-memory.ts';
import { memoryFlow } from './memory-flow.ts';

const hour = 3_600_000;
const how = { quiet: hour, longest: 24 * hour, working: false };
const use: Use = { at: 0, agent: 'a', server: 's', method: 'tools/call', target: 't', exchange: 'e' };
const party = (family: string, person: string | null = null) => ({ families: [family], person });

test('A6 a memory that is full refuses what it cannot remember, and forgets nothing for it (attack: exhaustion)', () => {
  const clock = steppedClock(0);
  const memory = memoryFlow(clock, { families: 2, people: 2 });
  memory.recall(party('a'), how);
  memory.remember(party('a'), ['private'], use);
  memory.remember(party('b'), ['private'], use);
  assert.throws(() => memory.remember(party('c'), ['private'], use), { code: 'unavailable' });
  assert.throws(() => memory.remember({ families: ['a', 'c'], person: null }, ['untrusted'], use), {
    code: 'unavailable',
  });
  assert.deepEqual(memory.recall(party('a'), how).labels, ['private'], 'nothing by halves');
  memory.remember(party('a'), ['untrusted'], use);
  assert.deepEqual(memory.recall(party('b'), how).labels, ['private']);
  clock.advance(hour + 1);
  memory.remember(party('c'), ['private'], { ...use, at: clock.now() });
  assert.deepEqual(memory.recall(party('b'), how).labels, []);
  assert.equal(memory.size, 1);
});

test('A6 people beyond those that are kept apart count for all people of the agent (attack: many names)', () => {
  const memory = memoryFlow(steppedClock(0), { families: 2, people: 2 });
  for (const person of ['p1', 'p2', 'p3', 'p4']) memory.remember(party('a', person), [person], use);
  assert.deepEqual(memory.recall(party('a', 'p1'), how).labels, ['p1', 'p3', 'p4']);
  assert.deepEqual(memory.recall(party('a', 'new'), how).labels, ['p3', 'p4']);
  assert.equal(memory.size, 3);
});

test('A6 a step of the wall clock ends no task', () => {
  let wall = 0;
  let passed = 0;
  const memory = memoryFlow({ now: () => wall, monotonic: () => passed });
  memory.remember(party('a'), ['private'], use);
  wall = 10 * 24 * hour;
  passed = 1;
  assert.deepEqual(memory.recall(party('a'), how).labels, ['private']);
});
