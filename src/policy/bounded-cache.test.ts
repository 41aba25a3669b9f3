import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundedCache } from './bounded-cache.ts';

test('the cache forgets what was not used for longest and never holds more than its limit', () => {
  const cache = boundedCache<number>(24, () => 10);
  cache.set('a', 1);
  cache.set('b', 2);
  assert.equal(cache.get('a'), 1);
  cache.set('c', 3);
  assert.equal(cache.size, 2);
  assert.equal(cache.get('b'), undefined);
  assert.equal(cache.get('a'), 1);
  assert.equal(cache.get('c'), 3);
});

test('the cache counts an answer that is put again once, and holds none that is larger than its limit', () => {
  const cache = boundedCache<number>(40, (octets) => octets);
  for (let round = 0; round < 10; round++) cache.set('a', 10);
  cache.set('b', 20);
  assert.equal(cache.size, 2);
  cache.set('c', 39);
  assert.equal(cache.size, 0);
  cache.set('d', 38);
  assert.equal(cache.get('d'), 38);
});

test('the cache takes no key longer than 2000 characters', () => {
  const cache = boundedCache<boolean>(10_000, () => 0);
  cache.set('x'.repeat(2_000), false);
  cache.set('x'.repeat(2_001), true);
  assert.equal(cache.size, 1);
  assert.equal(cache.get('x'.repeat(2_000)), false);
});
