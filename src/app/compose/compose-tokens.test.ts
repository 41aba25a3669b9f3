import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mock, test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import { entryCipher } from '../../oauth/server/entry-cipher.ts';
import { memoryOauthRecords } from '../../oauth/server/memory-records.ts';
import type { TokenKeys } from '../../oauth/server/token-keys.ts';
import type { Authority } from '../authority/authority.ts';
import { onlyAuthority } from '../peers/peers.ts';
import { configSchema, toConfig } from '../config/config.ts';
import type { TokenTrust } from '../feed/feed-message.ts';
import { composeTokens } from './compose-tokens.ts';

/** What of an authority the authorization server asks for before its first request. */
function stage() {
  const clock = steppedClock(1_800_000_000_000);
  const store = { oauth: memoryOauthRecords() };
  const tokenSecrets = entryCipher(generateKeyPairSync('ed25519').privateKey);
  const told: { trust: TokenTrust | null; rotate: TokenKeys['rotate'] } = {
    trust: null,
    rotate: () => Promise.reject(new Error('nobody is there')),
  };
  const authority = {
    store,
    audit: { append: async () => undefined },
    tokenSecrets,
    people: {},
    peers: onlyAuthority(),
    announceTokens(trust: TokenTrust, rotate: TokenKeys['rotate']) {
      Object.assign(told, { trust, rotate });
    },
  } as unknown as Authority;
  const start = () =>
    composeTokens({
      config: toConfig(configSchema.parse({})),
      authority,
      clock,
      log: () => undefined,
      urls: { authority: 'https://authority.example', people: 'https://people.example' },
      gatewayUrl: () => null,
    });
  return { clock, told, start, keys: () => told.trust?.keys.map(({ kid }) => kid) };
}

// Five minutes of a token, and one of clocks that differ.
const afterglow = 360_000;

test('O2 after a restart gateways are told of the key before as long as its tokens live, wherever the clock has gone meanwhile', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const { clock, told, start, keys } = stage();
    const before = await start();
    const [first] = keys() ?? [];
    const second = await told.rotate(false);
    assert.deepEqual(keys(), [second, first]);
    await before[Symbol.asyncDispose]();

    clock.advance(afterglow - 10_000);
    const soon = await start();
    assert.deepEqual(keys(), [second, first], 'its last tokens live');
    clock.advance(afterglow + 1_000);
    mock.timers.tick(afterglow + 1_000);
    assert.deepEqual(keys(), [second], 'and are over');
    await soon[Symbol.asyncDispose]();

    const third = await told.rotate(false);
    assert.deepEqual(keys(), [third, second]);
    clock.advance(-3_600_000);
    const back = await start();
    assert.deepEqual(keys(), [third, second], 'a clock that was put back ends nothing early');
    await back[Symbol.asyncDispose]();

    clock.advance(7_200_000);
    await using _later = await start();
    assert.deepEqual(keys(), [third], 'a clock that went on says at once that they are over');
  } finally {
    mock.timers.reset();
  }
});

test('O2 of two that replace the key at once one is told of the conflict, and one other key signs', async () => {
  const { told, start, keys } = stage();
  await using _server = await start();
  const [first] = keys() ?? [];
  const results = await Promise.allSettled([told.rotate(false), told.rotate(false)]);
  const refused = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  assert.equal(refused.length, 1);
  assert.equal((refused[0] as { code: string }).code, 'conflict');
  assert.deepEqual(keys()?.slice(1), [first]);
});
