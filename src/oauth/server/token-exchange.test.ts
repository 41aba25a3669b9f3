import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { granted } from './flows.fixture.ts';
import {
  type Answer,
  files,
  issuer,
  mail,
  openTestServer,
  spiffe,
  type TestServer,
} from './server.fixture.ts';

const accessToken = 'urn:ietf:params:oauth:token-type:access_token';

const exchange = (
  town: TestServer,
  token: unknown,
  as: string,
  more: Record<string, string> = {},
): Promise<Answer> =>
  town.post(
    '/token',
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: spiffe(as.split('/')[0] ?? ''),
      subject_token: String(token),
      subject_token_type: accessToken,
      ...more,
    },
    as,
  );

/** A token that `from` hands on to `to`, and what `to` gets for it. */
async function handOn(
  town: TestServer,
  token: unknown,
  from: string,
  to: string,
  more: Record<string, string> = {},
): Promise<Answer> {
  const given = await exchange(town, token, from, { requested_actor: spiffe(to) });
  assert.equal(given.status, 200, given.text);
  return await exchange(town, given.json['access_token'], to, more);
}

describe('O5 RFC 8693 token exchange', () => {
  test('§4.1, §4.4: an agent hands on what a person granted it to another that it names, and the chain is in the token', async () => {
    const town = await openTestServer();
    const first = await granted(town);
    const given = await exchange(town, first['access_token'], 'reader', {
      requested_actor: spiffe('helper'),
    });
    const delegation = decodeJwt(String(given.json['access_token']));
    assert.equal(delegation.aud, issuer, 'it is good for nothing but the exchange');
    assert.deepEqual(delegation['may_act'], { sub: spiffe('helper') });
    const { status, json } = await exchange(town, given.json['access_token'], 'helper', { scope: 'mcp' });
    assert.equal(status, 200, JSON.stringify(json));
    assert.equal(json['issued_token_type'], accessToken);
    const claims = decodeJwt(String(json['access_token']));
    const source = decodeJwt(String(first['access_token']));
    assert.equal(claims.sub, 'ada');
    assert.deepEqual(claims['act'], { sub: spiffe('helper'), act: { sub: spiffe('reader') } });
    assert.equal(claims.aud, files);
    assert.equal(claims['scope'], 'mcp');
    assert.equal(claims['gid'], source['gid']);
    assert.equal(claims['auth_time'], source['auth_time']);
    assert.ok((claims.exp ?? 0) <= (source.exp ?? 0));
    assert.notDeepEqual(claims['cnf'], source['cnf']);
    assert.equal(json['refresh_token'], undefined);
  });

  test('a token in the hands of anybody else is of no use', async () => {
    const town = await openTestServer();
    const { access_token: token } = await granted(town);
    assert.equal((await exchange(town, token, 'thief')).json['error'], 'invalid_grant');
    const given = await exchange(town, token, 'reader', { requested_actor: spiffe('helper') });
    for (const as of ['thief', 'reader']) {
      assert.equal((await exchange(town, given.json['access_token'], as)).json['error'], 'invalid_grant', as);
    }
    const own = { grant_type: 'client_credentials', client_id: spiffe('thief'), resource: files };
    const actor = String((await town.post('/token', own, 'thief')).json['access_token']);
    const wrong = { actor_token: actor, actor_token_type: accessToken };
    assert.equal((await exchange(town, token, 'reader', wrong)).json['error'], 'invalid_grant');
  });

  test('§2.1: nothing grows: no scope, no server, no time, and what was ended is over', async () => {
    const town = await openTestServer();
    const { access_token: token } = await granted(town);
    const less = await exchange(town, token, 'reader', { scope: 'mcp' });
    assert.equal(less.json['scope'], 'mcp');
    const { act } = decodeJwt(String(less.json['access_token']));
    assert.deepEqual(act, { sub: spiffe('reader') }, 'who exchanges for itself adds nobody');
    const small = less.json['access_token'];
    assert.equal(
      (await exchange(town, small, 'reader', { scope: 'mcp mcp:write' })).json['error'],
      'invalid_scope',
    );
    assert.equal((await exchange(town, small, 'reader', { resource: mail })).json['error'], 'invalid_target');
    assert.equal(
      (await handOn(town, small, 'reader', 'helper', { resource: mail })).json['error'],
      'invalid_target',
    );
    assert.equal(
      (await handOn(town, small, 'reader', 'helper', { scope: 'mcp:write' })).json['error'],
      'invalid_scope',
    );
    for (const wrong of ['a.b.c', 'x']) {
      assert.equal((await exchange(town, wrong, 'reader')).json['error'], 'invalid_grant');
    }
    const idToken = { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' };
    assert.equal((await exchange(town, token, 'reader', idToken)).json['error'], 'invalid_request');
    // The engine dates tokens by the machine's clock, which has gone on meanwhile.
    const now = town.clock.now() + 30_000;
    const gid = String(decodeJwt(String(token))['gid']);
    await town.records.end({ kind: 'grant', key: gid, before: now, until: now + 360_000 });
    assert.equal((await exchange(town, small, 'reader')).json['error'], 'invalid_grant');
    assert.equal((await exchange(town, token, 'reader')).json['error'], 'invalid_grant');
  });

  test('a chain has its length', async () => {
    const town = await openTestServer();
    let token = (await granted(town))['access_token'];
    const agents = ['reader', 'second', 'third', 'fourth', 'fifth'];
    for (const [at, to] of agents.entries()) {
      const from = agents[at - 1];
      if (from === undefined) continue;
      const answer = await handOn(town, token, from, to);
      if (to === 'fifth') assert.equal(answer.json['error'], 'invalid_grant');
      else assert.equal(answer.status, 200, answer.text);
      token = answer.json['access_token'];
    }
  });
});
