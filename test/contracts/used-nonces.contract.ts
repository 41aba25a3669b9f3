import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../src/kernel/clock.ts';
import type { UsedNonces, UseTime } from '../../src/oauth/signed-call/used-nonces.ts';

/** What every memory of nonces keeps to. The factory gives a fresh, empty one that reads the given clock. */
export function usedNoncesContract(
  adapter: string,
  withNonces: (
    clock: ReturnType<typeof steppedClock>,
    use: (nonces: UsedNonces) => Promise<void>,
  ) => Promise<void>,
): void {
  const specify = (
    title: string,
    use: (nonces: UsedNonces, clock: ReturnType<typeof steppedClock>) => Promise<void>,
  ): void => {
    test(`${adapter}: ${title}`, async () => {
      const clock = steppedClock(1_000_000);
      await withNonces(clock, (nonces) => use(nonces, clock));
    });
  };

  specify('O9 RFC 9421 §7.2.2: of 100 that take a nonce at once exactly one gets it', async (nonces) => {
    const taken = await Promise.all(
      Array.from({ length: 100 }, async () => await nonces.take('key', 'n', between(1_060_000))),
    );
    assert.equal(taken.filter(Boolean).length, 1);
  });
  specify('O9 a nonce is of its key, and another one of the same key is another', async (nonces) => {
    assert.equal(await nonces.take('a', 'n', between(1_060_000)), true);
    assert.equal(await nonces.take('b', 'n', between(1_060_000)), true);
    assert.equal(await nonces.take('a', 'm', between(1_060_000)), true);
    assert.equal(await nonces.take('a', 'n', between(1_060_000)), false);
  });
  specify('O9 a nonce is remembered until its signature ends, to the millisecond', async (nonces, clock) => {
    assert.equal(await nonces.take('a', 'n', between(1_060_000)), true);
    clock.advance(59_999);
    assert.equal(await nonces.take('a', 'n', between(1_060_000)), false);
    clock.advance(1);
    assert.equal(await nonces.take('a', 'n', between(1_120_000)), true);
    assert.equal(await nonces.take('a', 'n', between(1_120_000)), false);
  });
}

/** May be used from the beginning of the specification on. */
function between(until: number): UseTime {
  return { from: 1_000_000, until };
}
