import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { systemClock } from '../../kernel/clock.ts';
import { entryCipher } from './entry-cipher.ts';
import { asked, locationOf, redeem, refresh } from './flows.fixture.ts';
import { memoryOauthRecords } from './memory-records.ts';
import { Browser, openTestServer, type TestServer } from './server.fixture.ts';
import { openTokenKeys } from './token-keys.ts';

/** The authorization servers of two authorities of one store, with nothing in common but that and the audit key. */
async function twoServers(): Promise<readonly [TestServer, TestServer]> {
  const records = memoryOauthRecords();
  const { privateKey } = generateKeyPairSync('ed25519');
  const open = async (): Promise<TestServer> => {
    const cipher = entryCipher(privateKey);
    const of = { records, secrets: cipher.secrets, clock: systemClock, keptFor: 360_000 };
    return await openTestServer({ records, cipher, keys: await openTokenKeys(of) });
  };
  return [await open(), await open()];
}

test('O2 a person who began at one authority agrees at another, and the code of that is redeemed at the first, once at both', async () => {
  const [a, b] = await twoServers();
  const browser = new Browser();
  const place = locationOf(await a.open(`/authorize?${new URLSearchParams(asked).toString()}`, browser));
  const answer = b.exchange({ method: 'POST', url: place, headers: { cookie: browser.at(place) } });
  await b.server.finish(answer, { granted: true, person: 'ada', authenticatedAt: a.clock.now() });
  const resumed = await b.open(locationOf(answer.answer()), browser);
  const code = new URL(locationOf(resumed)).searchParams.get('code');
  const answers = await Promise.all([a, b, a, b].map((town) => redeem(town, code)));
  const given = answers.filter(({ status }) => status === 200);
  assert.equal(given.length, 1);
  for (const { status, json } of answers) if (status !== 200) assert.equal(json['error'], 'invalid_grant');
});

test('O2 a refresh token of one authority is good at another', async () => {
  const [a, b] = await twoServers();
  const browser = new Browser();
  const parameters = { ...asked, scope: 'mcp offline_access' };
  const place = locationOf(await a.open(`/authorize?${new URLSearchParams(parameters).toString()}`, browser));
  const answer = a.exchange({ method: 'POST', url: place, headers: { cookie: browser.at(place) } });
  await a.server.finish(answer, { granted: true, person: 'ada', authenticatedAt: a.clock.now() });
  const resumed = await a.open(locationOf(answer.answer()), browser);
  const code = new URL(locationOf(resumed)).searchParams.get('code');
  const first = await redeem(b, code);
  assert.equal(first.status, 200, first.text);
  const second = await refresh(a, first.json['refresh_token']);
  assert.equal(second.status, 200, second.text);
});
