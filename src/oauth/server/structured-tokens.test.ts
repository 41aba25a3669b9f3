import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { decodeJwt, SignJWT } from 'jose';
import { granted, refresh } from './flows.fixture.ts';
import { type Answer, files, issuer, openTestServer, spiffe, type TestServer } from './server.fixture.ts';

const own = async (town: TestServer): Promise<string> => {
  const form = { grant_type: 'client_credentials', client_id: spiffe('reader'), resource: files };
  return String((await town.post('/token', form, 'reader')).json['access_token']);
};
const ask = (town: TestServer, path: string, token: unknown, as: string | null = 'reader'): Promise<Answer> =>
  town.post(path, { client_id: spiffe(as ?? 'reader'), token: String(token) }, as);

describe('O8 introspection of access tokens (RFC 7662)', () => {
  test('tells the holder and a gateway what a token is good for, and nobody else anything', async () => {
    const town = await openTestServer();
    const token = await own(town);
    for (const as of ['reader', 'reader/renewed', 'a gateway']) {
      const { status, json } = await ask(town, '/introspect', token, as);
      assert.equal(status, 200);
      const { active, client_id, aud, scope, iss, token_type } = json;
      assert.deepEqual(
        { active, client_id, aud, scope, iss, token_type },
        {
          active: true,
          client_id: spiffe('reader'),
          aud: files,
          scope: 'mcp',
          iss: issuer,
          token_type: 'Bearer',
        },
        as,
      );
    }
    assert.deepEqual((await ask(town, '/introspect', token, 'thief')).json, { active: false });
    for (const as of [null, 'gone']) {
      const { status, json } = await ask(town, '/introspect', token, as);
      assert.deepEqual([status, json['error']], [401, 'invalid_client']);
    }
  });

  test('what another key signed, what is over, and what is no token are not active', async () => {
    const town = await openTestServer();
    const token = await own(town);
    const claims = decodeJwt(token);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as {
      kid: string;
    };
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
      .sign(privateKey);
    const none = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${token.split('.')[1]}.AAAA`;
    for (const wrong of [forged, none, 'a.b.c', 'garbage', '']) {
      assert.deepEqual((await ask(town, '/introspect', wrong, 'a gateway')).json, { active: false }, wrong);
    }
    town.clock.advance(301_000);
    assert.deepEqual((await ask(town, '/introspect', token)).json, { active: false });
  });
});

describe('O8 revocation (RFC 7009)', () => {
  test('of an access token ends that token alone, for its holder; to others nothing happens', async () => {
    const town = await openTestServer();
    const [token, other] = [await own(town), await own(town)];
    assert.equal((await ask(town, '/revoke', token, 'thief')).status, 200);
    assert.equal((await ask(town, '/introspect', token)).json['active'], true);
    assert.equal((await ask(town, '/revoke', token, null)).status, 401);
    // The engine dates tokens by the machine's clock, which has gone on meanwhile.
    town.clock.advance(30_000);
    const { status, text } = await ask(town, '/revoke', token);
    assert.deepEqual([status, text], [200, '']);
    assert.deepEqual((await ask(town, '/introspect', token)).json, { active: false });
    assert.equal((await ask(town, '/introspect', other)).json['active'], true);
    assert.deepEqual(
      (await town.records.ends(town.clock.now())).map(({ kind, key }) => [kind, key]),
      [['token', decodeJwt(token).jti]],
    );
    assert.equal((await ask(town, '/revoke', 'a.b.c')).status, 200, 'RFC 7009 §2.2');
    const ended = town.events.filter(({ type }) => type === 'token.ended');
    assert.deepEqual(
      ended.map(({ kind, actor }) => [kind, actor]),
      [['token', spiffe('reader')]],
    );
  });

  test('of a refresh token ends the grant with its access tokens', async () => {
    const town = await openTestServer();
    const { refresh_token: token, access_token: access } = await granted(town);
    assert.equal((await ask(town, '/introspect', access)).json['active'], true);
    assert.equal((await ask(town, '/revoke', token, 'thief')).status, 400);
    assert.equal((await ask(town, '/introspect', token)).json['active'], true);
    // The engine dates tokens by the machine's clock, which has gone on meanwhile.
    town.clock.advance(30_000);
    assert.equal((await ask(town, '/revoke', token)).status, 200);
    assert.deepEqual((await ask(town, '/introspect', access)).json, { active: false });
    assert.equal((await refresh(town, token)).json['error'], 'invalid_grant');
    const gid = decodeJwt(String(access))['gid'];
    const ended = town.events.find(({ type }) => type === 'token.ended');
    assert.deepEqual([ended?.['kind'], ended?.['key']], ['grant', gid]);
  });
});
