import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../http/exchange.ts';
import { steppedClock } from '../kernel/clock.ts';
import { restAfterRefusal } from './rest-after-refusal.ts';

function resting(): { connection: Connection; rests: number[] } {
  const rests: number[] = [];
  const connection: Connection = {
    id: 'a',
    address: '127.0.0.1',
    certificate: null,
    facts: new Map(),
    closed: new AbortController().signal,
    rest: (milliseconds) => rests.push(milliseconds),
    cut: () => undefined,
  };
  return { connection, rests };
}

test('T7 a connection rests longer each time it comes back too soon, and always less than a second', () => {
  const clock = steppedClock(0);
  const { connection, rests } = resting();
  for (let refusal = 0; refusal < 6; refusal++) {
    restAfterRefusal(connection, clock);
    clock.advance((rests.at(-1) ?? 0) + 5);
  }
  assert.deepEqual(rests, [100, 200, 400, 800, 900, 900]);
});

test('T7 a connection that heeds Retry-After rests the shortest time, however often it is refused', () => {
  const clock = steppedClock(0);
  const { connection, rests } = resting();
  for (let refusal = 0; refusal < 5; refusal++) {
    restAfterRefusal(connection, clock);
    clock.advance((rests.at(-1) ?? 0) + 1_000);
  }
  assert.deepEqual(rests, [100, 100, 100, 100, 100]);
});
