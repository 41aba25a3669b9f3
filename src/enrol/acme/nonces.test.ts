import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import { memoryUsedTokens } from '../workload/memory-used-tokens.ts';
import { createNonces, sharedNonces } from './nonces.ts';

const refused = { name: 'Fault', code: 'nonce_refused' };

test('I3 a nonce is good once, whatever order they are used in', () => {
  const nonces = createNonces(steppedClock(0));
  const drawn = [nonces.draw(), nonces.draw(), nonces.draw()].reverse();
  for (const nonce of drawn) nonces.use(nonce);
  for (const nonce of drawn) assert.throws(() => nonces.use(nonce), refused);
});

test('I3 refuses a nonce of another process, a changed one and none at all', () => {
  const clock = steppedClock(0);
  const nonces = createNonces(clock);
  const nonce = nonces.draw();
  const changed = nonce.slice(0, -1) + (nonce.endsWith('A') ? 'Q' : 'A');
  for (const wrong of ['', 'x', changed, `${nonce}A`, createNonces(clock).draw()]) {
    assert.throws(() => nonces.use(wrong), refused);
  }
  nonces.use(nonce);
});

test('I3 a nonce is good for an hour', () => {
  const clock = steppedClock(0);
  const nonces = createNonces(clock);
  const [early, late] = [nonces.draw(), nonces.draw()];
  clock.advance(3_599_999);
  nonces.use(early);
  clock.advance(1);
  assert.throws(() => nonces.use(late), refused);
});

test('I3 asking for ten thousand nonces takes none from anybody, and using many makes only old ones void', () => {
  const nonces = createNonces(steppedClock(0), 100);
  const first = nonces.draw();
  for (let at = 0; at < 10_000; at++) nonces.draw();
  nonces.use(first);
  const old = nonces.draw();
  for (let at = 0; at < 200; at++) nonces.use(nonces.draw());
  assert.throws(() => nonces.use(old), refused);
  assert.throws(() => nonces.use(first), refused);
  nonces.use(nonces.draw());
});

test('I3 a nonce of one authority is good at another of its store, once at all of them, and for an hour', async () => {
  const clock = steppedClock(Date.UTC(2026, 10, 26));
  const of = { used: memoryUsedTokens(), clock, key: new Uint8Array(32).fill(7) };
  const [a, b] = [sharedNonces(of), sharedNonces(of)];
  const [first, second, late] = [a.draw(), a.draw(), a.draw()];
  await b.use(first);
  for (const nonces of [a, b]) await assert.rejects(async () => nonces.use(first), refused);
  const once = await Promise.allSettled([a, b, a, b].map(async (nonces) => nonces.use(second)));
  assert.equal(once.filter(({ status }) => status === 'fulfilled').length, 1);
  const stranger = sharedNonces({ ...of, key: new Uint8Array(32) });
  for (const wrong of ['', 'x', stranger.draw()]) await assert.rejects(async () => a.use(wrong), refused);
  clock.advance(60 * 60_000);
  await assert.rejects(async () => b.use(late), refused);
});
