import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { redisPlace, redisUrl } from './redis-place.ts';

test('law 10: whatever is taken for the URL of a Redis leads to TLS, to a socket, or to this machine (property)', () => {
  const word = fc.stringMatching(/^[\w.@:/%?#[\]-]{0,40}$/);
  const url = fc
    .tuple(fc.constantFrom('redis://', 'rediss://', 'unix:', 'redis:', 'REDIS://', ''), word)
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(url, (text) => {
      if (!redisUrl.test(text)) return;
      if (!text.startsWith('unix:') && !URL.canParse(text)) return;
      const place = redisPlace(text);
      if (place.kind === 'socket' || place.tls) return;
      assert.match(place.host, /^(localhost|127(\.\d{1,3}){3}|::1)$/);
    }),
    { numRuns: 5_000 },
  );
});

test('reads host, port and number of the database, with their defaults', () => {
  assert.deepEqual(redisPlace('rediss://redis.example.internal'), {
    kind: 'tcp',
    host: 'redis.example.internal',
    port: 6_379,
    tls: true,
    database: 0,
  });
  assert.deepEqual(redisPlace('redis://[::1]:7000/3'), {
    kind: 'tcp',
    host: '::1',
    port: 7_000,
    tls: false,
    database: 3,
  });
  assert.deepEqual(redisPlace('unix:/run/redis.sock'), {
    kind: 'socket',
    path: '/run/redis.sock',
    database: 0,
  });
});
