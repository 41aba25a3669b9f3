import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Client } from '../../http/fetch.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { KeySource, readKeySet } from './key-source.ts';
import { testKey } from './key.fixture.ts';

const url = 'https://issuer.example.internal';
const unavailable = { name: 'Fault', code: 'unavailable' };
const minute = 60_000;

/** An issuer whose answers, by URL, can be changed; null is no answer. */
function place(answers: Record<string, Json | null>, discover = false) {
  const clock = steppedClock(0);
  const asked: string[] = [];
  const client = {
    async request({ url: at }: { readonly url: string }) {
      asked.push(at);
      const answer = answers[at];
      if (answer === null) throw new Fault('timed_out', 'no answer');
      return {
        status: answer === undefined ? 404 : 200,
        headers: {},
        body: Buffer.from(''),
        json: () => answer,
      };
    },
  } as unknown as Client;
  const source = new KeySource({ url: discover ? url : `${url}/keys`, discover }, client, clock);
  const kids = async (kid: string | null): Promise<readonly unknown[]> =>
    (await source.keys(kid)).keys.map((key) => key.kid);
  return { clock, asked, answers, kids };
}

const keysOf = (...kids: readonly string[]): Json => ({
  keys: kids.map((kid) => testKey(kid).jwk),
});

describe('I3 the keys of an issuer of workload tokens', () => {
  test('are asked for once, and again after ten minutes', async () => {
    const { kids, asked, clock } = place({ [`${url}/keys`]: keysOf('a') });
    for (let time = 0; time < 3; time++) assert.deepEqual(await kids('a'), ['a']);
    assert.equal(asked.length, 1);
    clock.advance(10 * minute);
    await Promise.all([kids('a'), kids('a')]);
    assert.equal(asked.length, 2, 'those who ask at once ask together');
  });

  test('a new key is found at its first use; who names keys at will does not make us ask at will', async () => {
    const { kids, asked, clock, answers } = place({ [`${url}/keys`]: keysOf('a') });
    await kids('a');
    answers[`${url}/keys`] = keysOf('a', 'b');
    clock.advance(31_000);
    assert.deepEqual(await kids('b'), ['a', 'b']);
    for (let time = 0; time < 10; time++) await kids(`unknown-${time}`);
    assert.equal(asked.length, 2);
  });

  test('a key that was taken away counts no longer than ten minutes', async () => {
    const { kids, clock, answers } = place({ [`${url}/keys`]: keysOf('a') });
    await kids('a');
    answers[`${url}/keys`] = keysOf('b');
    clock.advance(10 * minute);
    assert.deepEqual(await kids('a'), ['b']);
  });

  test('an issuer that does not answer is done without for an hour, and then nobody is let in', async () => {
    const { kids, clock, answers } = place({ [`${url}/keys`]: keysOf('a') });
    await kids('a');
    answers[`${url}/keys`] = null;
    clock.advance(59 * minute);
    assert.deepEqual(await kids('a'), ['a']);
    clock.advance(minute);
    await assert.rejects(kids('a'), unavailable);
    answers[`${url}/keys`] = keysOf('a');
    clock.advance(minute);
    assert.deepEqual(await kids('a'), ['a']);
  });

  test('are found through the configuration of the issuer, which has to name it', async () => {
    const configuration = `${url}/.well-known/openid-configuration`;
    const found = { issuer: url, jwks_uri: `${url}/other/keys` };
    const { kids, asked } = place({ [configuration]: found, [`${url}/other/keys`]: keysOf('a') }, true);
    assert.deepEqual(await kids('a'), ['a']);
    assert.deepEqual(asked, [configuration, `${url}/other/keys`]);
    const wrong: readonly Json[] = [
      { ...found, issuer: `${url}/` },
      { ...found, jwks_uri: 'http://issuer.example.internal/keys' },
      { issuer: url },
      [],
    ];
    for (const each of wrong) {
      const other = place({ [configuration]: each, [`${url}/other/keys`]: keysOf('a') }, true);
      await assert.rejects(other.kids('a'), unavailable, JSON.stringify(each));
    }
  });

  test('that are no set, too many, symmetric, private or for something else do not count', () => {
    const key = testKey('a').jwk;
    const set = (...keys: readonly unknown[]): Json => ({ keys }) as unknown as Json;
    for (const none of [null, [], {}, { keys: {} }]) assert.throws(() => readKeySet(none), unavailable);
    assert.throws(() => readKeySet(set(...Array.from({ length: 65 }, () => key))), unavailable);
    const odd = [{ kty: 'oct', k: 'AAAA' }, { ...key, d: 'AAAA' }, { ...key, use: 'enc' }, 'key', null];
    assert.deepEqual(readKeySet(set(...odd)).keys, []);
    const { use: _use, ...bare } = key;
    assert.deepEqual(readKeySet(set({ ...key, use: 'jwt-svid' })).keys, [bare]);
  });
});
