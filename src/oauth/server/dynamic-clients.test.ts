import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { entryCipher } from './entry-cipher.ts';
import { asked, codeFor, redeem, redirect } from './flows.fixture.ts';
import { type Answer, Browser, openTestServer, type TestServer } from './server.fixture.ts';

const metadata = { client_name: 'Old Editor', redirect_uris: ['http://127.0.0.1/callback'] };
const json = { 'content-type': 'application/json' };

function register(town: TestServer, said: object | string = metadata): Promise<Answer> {
  return town.post('/register', typeof said === 'string' ? said : JSON.stringify(said), null, json);
}

function begin(town: TestServer, client: string, more: Record<string, string> = {}): Promise<Answer> {
  const request = { ...asked, client_id: client, ...more };
  return town.open(`/authorize?${new URLSearchParams(request).toString()}`, new Browser());
}

async function metadataOf(town: TestServer): Promise<Answer['json']> {
  const exchange = town.exchange({ method: 'GET', url: '/.well-known/oauth-authorization-server' });
  await town.server.answer(exchange);
  return exchange.answer().json;
}

describe('O2 dynamic client registration (RFC 7591)', () => {
  test('is off unless somebody switches it on: no endpoint, none in the metadata, and nobody who registered before', async () => {
    const closed = await openTestServer();
    assert.equal(closed.server.serves('/register'), false);
    assert.equal((await metadataOf(closed))['registration_endpoint'], undefined);
    const cipher = entryCipher(generateKeyPairSync('ed25519').privateKey);
    const open = await openTestServer({ registration: true, cipher });
    assert.equal(open.server.serves('/register'), true);
    const { client_id } = (await register(open)).json;
    const parts = { records: open.records, cipher };
    assert.equal(
      (await begin(await openTestServer({ ...parts, registration: true }), String(client_id))).status,
      303,
    );
    const again = await openTestServer(parts);
    assert.equal((await begin(again, String(client_id))).status, 400);
  });

  test('makes public clients without secrets, whose tokens are bound like those of others', async () => {
    const town = await openTestServer({ registration: true });
    assert.equal(
      (await metadataOf(town))['registration_endpoint'],
      'https://authority.example:8444/register',
    );
    const { status, json: made } = await register(town, {
      ...metadata,
      client_id: 'spiffe://example.internal/agent/reader',
      client_secret: 'mine',
      registration_access_token: 'mine',
      scope: 'admin',
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'password'],
    });
    assert.equal(status, 201, JSON.stringify(made));
    assert.match(String(made['client_id']), /^dcr:[\w-]{16,}$/);
    assert.deepEqual(made['grant_types'], ['authorization_code', 'refresh_token']);
    assert.deepEqual(made['token_endpoint_auth_method'], 'none');
    for (const name of ['client_secret', 'registration_access_token', 'registration_client_uri', 'scope']) {
      assert.equal(made[name], undefined, name);
    }
    const id = String(made['client_id']);
    const code = (await codeFor(town, { ...asked, client_id: id })).searchParams.get('code');
    assert.equal((await redeem(town, code, { client_id: id }, '')).json['error'], 'invalid_grant', 'bearer');
    const token = await redeem(town, code, { client_id: id });
    assert.equal(token.status, 200, token.text);
    const { act, cnf } = decodeJwt(String(token.json['access_token']));
    assert.deepEqual(act, { sub: 'spiffe://example.internal/agent/reader' });
    assert.deepEqual(Object.keys(cnf as object), ['x5t#S256']);
    const event = town.events.find(({ type }) => type === 'client.registered');
    assert.deepEqual([event?.['client'], event?.['name']], [id, 'Old Editor']);
  });

  test('RFC 7591 §5, RFC 9700 §4.1: refuses secrets and places that are not the client’s alone, and holds each to those it named', async () => {
    const town = await openTestServer({ registration: true });
    const wrong: readonly (object | string)[] = [
      { ...metadata, token_endpoint_auth_method: 'client_secret_basic' },
      { ...metadata, token_endpoint_auth_method: 'client_secret_post' },
      { ...metadata, token_endpoint_auth_method: 'private_key_jwt' },
      { ...metadata, redirect_uris: [] },
      { client_name: 'none' },
      { ...metadata, redirect_uris: ['javascript:alert(1)'] },
      { ...metadata, redirect_uris: ['http://evil.example/callback'] },
    ];
    for (const said of wrong) {
      const { status, json: answer } = await register(town, said);
      assert.equal(status, 400, JSON.stringify(said));
      assert.equal(answer['client_id'], undefined);
    }
    town.clock.advance(60_000);
    for (const garbage of ['', '[]', '{', 'null', `{"client_name":${'['.repeat(200)}`]) {
      assert.equal((await register(town, garbage)).status, 400, garbage.slice(0, 20));
    }
    const other = await openTestServer({ registration: true });
    const id = String((await register(other)).json['client_id']);
    assert.equal((await begin(other, id, { redirect_uri: redirect })).status, 303);
    for (const place of [
      'http://127.0.0.1/other',
      'https://evil.example/',
      'http://127.0.0.1.evil.example/callback',
    ]) {
      const answer = await begin(other, id, { redirect_uri: place });
      assert.deepEqual([answer.status, answer.headers['location']], [400, undefined], place);
    }
  });

  test('lets strangers register ten times a minute and a thousand times in all, and forgets what nobody uses', async () => {
    const town = await openTestServer({ registration: true });
    const answers = [];
    for (let time = 0; time < 12; time += 1) answers.push((await register(town)).status);
    assert.deepEqual(answers, [...Array.from({ length: 10 }, () => 201), 429, 429]);
    town.clock.advance(60_000);
    const used = String((await register(town)).json['client_id']);
    const unused = String((await register(town)).json['client_id']);
    await codeFor(town, { ...asked, client_id: used });
    for (let at = 0; at < 1_000; at += 1) {
      const named = {
        model: 'Client',
        id: `filler ${at}`,
        sealed: '',
        grantId: null,
        uid: null,
        userCode: null,
      };
      const owner = { person: null, client: null, agent: null, replaces: null };
      const createdAt = town.clock.now();
      await town.records.put({ ...named, ...owner, createdAt, expiresAt: createdAt + 60_000 });
    }
    const full = await register(town);
    assert.deepEqual([full.status, full.headers['retry-after']], [429, '3600']);
    town.clock.advance(3_600_000);
    assert.equal((await begin(town, unused)).status, 400, 'after an hour');
    assert.equal((await begin(town, used)).status, 303);
    town.clock.advance(90 * 24 * 3_600_000);
    assert.equal((await begin(town, used)).status, 400, 'after ninety days');
    assert.equal((await register(town)).status, 201);
  });
});
