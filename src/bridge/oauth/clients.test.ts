import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { shiftedClock } from '../bridge.fixture.ts';
import { openOAuthTown, type OAuthTown } from './oauth-town.fixture.ts';
import type { SignInSettings } from './sign-in.ts';

const document = 'https://clients.example.com/bridge.json';

async function call(
  town: OAuthTown,
  settings: Partial<SignInSettings>,
  hasBrowser = true,
): Promise<JsonObject> {
  const client = await town.connect({ signIn: town.signIn(settings, { hasBrowser }) });
  client.send({ id: 1, method: 'tools/list' });
  return await client.answerTo(1);
}

const askedAt = (town: OAuthTown, path: string) => town.issuer.requests.filter((one) => one.path === path);

test('O2 a client that is configured comes before a document, and a document before a registration', async () => {
  const client = { configured: { id: 'known', secret: null }, document, register: true };
  for (const [more, expected] of [
    [{}, 'known'],
    [{ configured: null }, document],
  ] as const) {
    await using town = await openOAuthTown();
    town.issuer.metadata = { client_id_metadata_document_supported: true };
    assert.ok((await call(town, { client: { ...client, ...more } }))['result']);
    assert.equal(askedAt(town, '/token')[0]?.parameters['client_id'], expected);
    assert.equal(askedAt(town, '/register').length, 0);
  }
});

test('O2 where no document is taken the bridge registers itself, and where that is not offered says what to do', async () => {
  await using town = await openOAuthTown();
  const client = { configured: null, document, register: true };
  assert.ok((await call(town, { client }))['result']);
  assert.match(String(askedAt(town, '/token')[0]?.parameters['client_id']), /^client-/);
  town.issuer.metadata = { registration_endpoint: undefined };
  await using other = await openOAuthTown();
  other.issuer.metadata = { registration_endpoint: undefined };
  const error = (await call(other, { client }))['error'] as JsonObject;
  assert.match(JSON.stringify(error), /--client-id/);
});

test('RFC 6749 §2.3.1 a secret goes to the token endpoint in a header, and only to the issuer that it is for', async () => {
  await using town = await openOAuthTown();
  const settings = {
    way: 'client-credentials',
    issuer: town.issuer.issuer,
    client: { configured: { id: 'machine', secret: 'secret-canary' }, document: null, register: false },
  } as const;
  assert.ok((await call(town, settings))['result']);
  assert.equal(town.pages.length, 0);
  const [asked] = askedAt(town, '/token');
  assert.equal(asked?.authorization, `Basic ${Buffer.from('machine:secret-canary').toString('base64')}`);
  assert.equal(asked?.parameters['resource'], town.server);
  const elsewhere = await call(town, { ...settings, issuer: 'https://as.example.com' });
  assert.equal(((elsewhere['error'] as JsonObject)['data'] as JsonObject)['code'], 'sign_in_failed');
  assert.equal(askedAt(town, '/token').length, 1);
  assert.doesNotMatch(town.log.join('\n'), /canary/);
});

test('O6 a token without a person is got anew before it ends, and nobody is shown a page', async () => {
  const clock = shiftedClock();
  await using town = await openOAuthTown(clock);
  const client = await town.connect({
    signIn: town.signIn({
      way: 'client-credentials',
      issuer: town.issuer.issuer,
      client: { configured: { id: 'machine', secret: 's' }, document: null, register: false },
    }),
  });
  client.send({ id: 1, method: 'tools/list' });
  await client.answerTo(1);
  clock.shift(280_000);
  client.send({ id: 2, method: 'tools/list' });
  assert.ok((await client.answerTo(2))['result']);
  assert.equal(askedAt(town, '/token').length, 2);
  assert.equal(town.seen.filter(({ headers }) => !headers.get('authorization')).length, 1);
});

test('RFC 8628 without a screen the person signs in on another machine, with resource in both requests', async () => {
  await using town = await openOAuthTown();
  town.issuer.pending = 2;
  assert.ok((await call(town, {}, false))['result']);
  assert.deepEqual(town.pages, [`${town.issuer.issuer}/enter AB-CD`]);
  assert.equal(askedAt(town, '/device')[0]?.parameters['resource'], town.server);
  assert.equal(askedAt(town, '/token').at(-1)?.parameters['resource'], town.server);
});

test('RFC 6749 §5.2 a sign-in that is over is forgotten, and the person is asked again', async () => {
  await using town = await openOAuthTown();
  assert.ok((await call(town, {}))['result']);
  town.issuer.tokens.clear();
  town.issuer.refreshTokens.clear();
  assert.ok((await call(town, {}))['result']);
  assert.equal(town.pages.length, 2);
});

test('RFC 9470 §4 a server that wants a fresh login gets one, with acr_values and max_age', async () => {
  await using town = await openOAuthTown();
  const client = await town.connect();
  client.send({ id: 1, method: 'tools/list' });
  await client.answerTo(1);
  town.issuer.tokens.clear();
  town.challenge = () => ({ error: 'insufficient_user_authentication', acr_values: 'gold', max_age: '60' });
  client.send({ id: 2, method: 'tools/list' });
  assert.ok((await client.answerTo(2))['result']);
  const asked = askedAt(town, '/par').at(-1)?.parameters ?? {};
  assert.deepEqual([asked['acr_values'], asked['max_age']], ['gold', '60']);
});

test('O2 a person who says no is not asked again at once, and callers are told why', async () => {
  await using town = await openOAuthTown();
  town.issuer.answering = { error: 'access_denied', error_description: 'she said no' };
  const client = await town.connect();
  for (const id of [1, 2, 3]) {
    client.send({ id, method: 'tools/list' });
    assert.match(JSON.stringify(await client.answerTo(id)), /access_denied, she said no/);
  }
  assert.equal(town.pages.length, 1);
});
