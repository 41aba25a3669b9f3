import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { asked, codeFor, granted, redeem, refresh } from './flows.fixture.ts';
import { type Answer, openTestServer, spiffe, type TestServer } from './server.fixture.ts';

const scopeOf = ({ json }: Answer): unknown => decodeJwt(String(json['access_token']))['scope'];

const exchange = (town: TestServer, token: unknown): Promise<Answer> => {
  const kind = 'urn:ietf:params:oauth:token-type:access_token';
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: spiffe('reader'),
    subject_token: String(token),
    subject_token_type: kind,
  };
  return town.post('/token', form, 'reader');
};

describe('O3 a token has no scope that its person may not give any more', () => {
  test('at each refresh, and back again when they may', async () => {
    const town = await openTestServer();
    const first = await granted(town);
    assert.equal(first['scope'], 'mcp mcp:write');
    town.mayGive.set('ada', new Set(['mcp', 'files:read']));
    const less = await refresh(town, first['refresh_token']);
    assert.deepEqual([less.json['scope'], scopeOf(less)], ['mcp', 'mcp']);
    town.mayGive.delete('ada');
    const again = await refresh(town, less.json['refresh_token']);
    assert.equal(scopeOf(again), 'mcp mcp:write', 'what they said yes to');
    town.mayGive.set('ada', new Set(['mcp', 'files:read', 'other']));
    assert.equal(scopeOf(await refresh(town, again.json['refresh_token'])), 'mcp', 'and nothing beyond it');
  });

  test('and none at all once no group gives any of it: no token without scopes stands for them either', async () => {
    const town = await openTestServer();
    const first = await granted(town);
    town.mayGive.set('ada', new Set());
    const none = await refresh(town, first['refresh_token']);
    assert.deepEqual([none.status, none.json['error']], [400, 'invalid_grant'], none.text);
    assert.equal(none.json['access_token'], undefined);
  });

  test('nor when the groups have changed between the yes and the code', async () => {
    const town = await openTestServer();
    const code = (await codeFor(town, asked)).searchParams.get('code');
    town.mayGive.set('ada', new Set(['mcp']));
    assert.equal(scopeOf(await redeem(town, code)), 'mcp');
  });

  test('nor by an exchange of what was given before (RFC 8693 §2.1)', async () => {
    const town = await openTestServer();
    const first = await granted(town);
    assert.equal(scopeOf(await exchange(town, first['access_token'])), 'mcp mcp:write');
    town.mayGive.set('ada', new Set(['mcp']));
    assert.equal(scopeOf(await exchange(town, first['access_token'])), 'mcp');
    town.mayGive.set('ada', new Set());
    assert.equal((await exchange(town, first['access_token'])).json['error'], 'invalid_grant');
  });

  test('while agents by themselves have what the settings say', async () => {
    const town = await openTestServer();
    town.mayGive.set(spiffe('reader'), new Set());
    const form = { grant_type: 'client_credentials', client_id: spiffe('reader'), resource: asked.resource };
    assert.equal(scopeOf(await town.post('/token', form, 'reader')), 'mcp');
  });
});
