import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import { createPatience } from './patience.ts';

test('T5 a server that missed the deadline is waited for a tenth of it, for a while and for that agent alone', () => {
  const clock = steppedClock(0);
  const patience = createPatience(clock, 3_000);
  assert.equal(patience.with('a', 'slow'), 3_000);
  patience.missed('a', 'slow');
  assert.equal(patience.with('a', 'slow'), 300);
  assert.equal(patience.with('a', 'other'), 3_000);
  assert.equal(patience.with('b', 'slow'), 3_000);
  patience.answered('a', 'slow');
  assert.equal(patience.with('a', 'slow'), 3_000);
  patience.missed('a', 'slow');
  clock.advance(30_001);
  assert.equal(patience.with('a', 'slow'), 3_000);
});
