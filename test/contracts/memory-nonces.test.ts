import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../src/kernel/clock.ts';
import { memoryNonces } from '../../src/oauth/signed-call/memory-nonces.ts';
import { isFault } from './is-fault.ts';
import { usedNoncesContract } from './used-nonces.contract.ts';

usedNoncesContract('memory', (clock, use) => use(memoryNonces(clock)));

test('O9 a full memory of nonces takes no more, until signatures have ended, and forgets none before', () => {
  const clock = steppedClock(0);
  const nonces = memoryNonces(clock, { all: 3, perKey: 2 });
  assert.ok(nonces.take('a', '1', { until: 60_000 }) && nonces.take('a', '2', { until: 60_000 }));
  assert.throws(() => nonces.take('a', '3', { until: 60_000 }), isFault('unavailable'));
  // The calls of others go on.
  assert.ok(nonces.take('b', '1', { until: 60_000 }));
  assert.throws(() => nonces.take('c', '1', { until: 60_000 }), isFault('unavailable'));
  assert.equal(nonces.take('a', '1', { until: 60_000 }), false);
  assert.equal(nonces.size, 3);
  clock.advance(60_000);
  assert.ok(nonces.take('c', '1', { until: 120_000 }));
  assert.equal(nonces.take('c', '1', { until: 120_000 }), false);
});

test('O9 nonces whose signatures have ended are forgotten as others come, also those of keys that are gone', () => {
  const clock = steppedClock(0);
  const nonces = memoryNonces(clock);
  for (let at = 0; at < 1_000; at++) assert.ok(nonces.take(`key ${at % 10}`, String(at), { until: 60_000 }));
  clock.advance(60_000);
  for (let at = 0; at < 1_000; at++) assert.ok(nonces.take('new', String(at), { until: 120_000 }));
  assert.equal(nonces.size, 1_000);
});
