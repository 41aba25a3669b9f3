import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeftBehind } from './left-behind.ts';

test('I3 what another authority has begun is left alone until it has stood still for long enough', () => {
  const left = new LeftBehind(60);
  assert.deepEqual([...left.among(['a', 'b'], 0)], []);
  assert.deepEqual([...left.among(['a'], 59)], []);
  assert.deepEqual([...left.among(['a', 'b'], 60)], ['a']);
  // It was ended meanwhile, and is another one now.
  assert.deepEqual([...left.among(['b'], 119)], []);
  assert.deepEqual([...left.among(['b'], 120)], ['b']);
});
