import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decisionCache } from './decision-cache.ts';

test('the cache forgets what was not used for longest and never holds more than its limit', () => {
  const cache = decisionCache<number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  assert.equal(cache.get('a'), 1);
  cache.set('c', 3);
  assert.equal(cache.size, 2);
  assert.equal(cache.get('b'), undefined);
  assert.equal(cache.get('a'), 1);
  assert.equal(cache.get('c'), 3);
});

test('the cache takes no key longer than 2000 characters', () => {
  const cache = decisionCache<boolean>(2);
  cache.set('x'.repeat(2_000), false);
  cache.set('x'.repeat(2_001), true);
  assert.equal(cache.size, 1);
  assert.equal(cache.get('x'.repeat(2_000)), false);
});
