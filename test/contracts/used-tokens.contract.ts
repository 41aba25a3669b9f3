import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UsedTokens } from '../../src/enrol/workload/used-tokens.ts';

/** What every store of used tokens keeps to. The factory gives a fresh, empty one for the length of `use`. */
export function usedTokensContract(
  adapter: string,
  withTokens: (use: (tokens: UsedTokens) => Promise<void>) => Promise<void>,
): void {
  const specify = (title: string, use: (tokens: UsedTokens) => Promise<void>): void => {
    test(`${adapter}: ${title}`, () => withTokens(use));
  };

  specify('I3 of 100 that use a token at once exactly one takes it', async (tokens) => {
    const taken = await Promise.all(Array.from({ length: 100 }, () => tokens.take('a', 100, 1)));
    assert.equal(taken.filter(Boolean).length, 1);
    assert.equal(await tokens.take('b', 100, 1), true);
  });
  specify('I3 a token is remembered until it ends, and not for longer', async (tokens) => {
    assert.equal(await tokens.take('a', 100, 1), true);
    assert.deepEqual([await tokens.has('a'), await tokens.has('b')], [true, false]);
    assert.equal(await tokens.take('a', 100, 99), false);
    assert.equal(await tokens.take('a', 200, 100), true);
  });
}
