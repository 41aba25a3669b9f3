import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAgentLimits } from './limits.ts';

test('an agent has so many requests open at once, and each place comes back once', () => {
  const limits = createAgentLimits(2);
  const first = limits.enter('a');
  limits.enter('a');
  assert.throws(() => limits.enter('a'), { code: 'limit_reached' });
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  limits.enter('a');
  assert.throws(() => limits.enter('a'), { code: 'limit_reached' });
});

test('one agent at its limit does not keep another out', () => {
  const limits = createAgentLimits(1);
  limits.enter('a');
  assert.doesNotThrow(() => limits.enter('b'));
});
