import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readFacts, unfitness } from './check-server.ts';

const good = {
  redis_version: '7.0.15',
  role: 'master',
  loading: '0',
  cluster_enabled: '0',
  maxmemory: '0',
  maxmemory_policy: 'noeviction',
};

function say(change: Readonly<Record<string, string>>): string | null {
  const lines = Object.entries({ ...good, ...change }).map(([name, value]) => `${name}:${value}`);
  return unfitness(readFacts(['# Server', ...lines, ''].join('\r\n')));
}

test('O9 a server is relied on that takes writes, throws nothing out and is not spread over several', () => {
  assert.equal(say({}), null);
  assert.equal(say({ redis_version: '6.2.0' }), null);
  // Without a bound nothing is thrown out.
  assert.equal(say({ maxmemory_policy: 'allkeys-lru' }), null);
  for (const [change, why] of [
    [{ redis_version: '6.0.16' }, /6\.2 or newer/],
    [{ redis_version: 'x' }, /6\.2 or newer/],
    [{ role: 'slave' }, /replica/],
    [{ loading: '1' }, /loading/],
    [{ cluster_enabled: '1' }, /Cluster/],
    [{ maxmemory: '1000', maxmemory_policy: 'volatile-ttl' }, /noeviction/],
  ] as const) {
    assert.match(say(change) ?? '', why);
  }
});

test('O9 a server that says nothing of itself, or anything, is not relied on (property)', () => {
  fc.assert(fc.property(fc.string(), (text) => assert.notEqual(unfitness(readFacts(text)), null)));
});
