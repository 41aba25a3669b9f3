import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import {
  asked,
  challenge,
  codeFor,
  locationOf,
  redeem,
  redirect,
  refresh,
  verifier,
} from './flows.fixture.ts';
import {
  Browser,
  files,
  issuer,
  mail,
  openTestServer,
  peopleUrl,
  spiffe,
  type TestServer,
} from './server.fixture.ts';

describe('O2 the authorization code flow', () => {
  test('RFC 9207 §2, RFC 8693 §4.1: a person agrees, and the agent gets a token that is bound to its certificate and names both', async () => {
    const town = await openTestServer();
    const answer = await codeFor(town);
    assert.equal(answer.searchParams.get('iss'), issuer);
    assert.equal(answer.searchParams.get('state'), 's');
    assert.equal(answer.origin + answer.pathname, redirect);
    const { status, json } = await redeem(town, answer.searchParams.get('code'));
    assert.equal(status, 200, JSON.stringify(json));
    const claims = decodeJwt(String(json['access_token']));
    assert.equal(claims.sub, 'ada');
    assert.equal(claims['client_id'], spiffe('reader'));
    assert.deepEqual(claims['act'], { sub: spiffe('reader') });
    assert.equal(claims.aud, files);
    assert.equal(claims['scope'], 'mcp mcp:write');
    assert.deepEqual(Object.keys(claims['cnf'] as object), ['x5t#S256']);
    assert.equal(typeof claims['auth_time'], 'number');
    assert.equal(typeof claims['gid'], 'string');
    assert.notEqual(claims['gid'], claims.jti);
  });

  test('what is asked is told to the page, only in the browser in which it began, and is over once it is answered', async () => {
    const town = await openTestServer();
    const browser = new Browser();
    const place = locationOf(await town.open(`/authorize?${new URLSearchParams(asked).toString()}`, browser));
    const see = (cookie: string) =>
      town.server.details(town.exchange({ method: 'GET', url: place, headers: { cookie } }));
    const { uid, ...details } = await see(browser.at(place));
    assert.ok(place.endsWith(uid));
    assert.deepEqual(details, {
      prompt: 'consent',
      signedInSince: null,
      client: {
        id: spiffe('reader'),
        name: 'reader',
        host: null,
        selfMade: false,
        proven: false,
        documentHash: null,
      },
      redirectUri: 'http://127.0.0.1:49152/callback',
      asksAgain: false,
      life: 86_400,
      scopes: ['mcp', 'mcp:write'],
      resources: [files],
      agent: spiffe('reader'),
      authorizationDetails: [],
    });
    await assert.rejects(see(''), { code: 'not_found' });
    const other = new Browser();
    const elsewhere = locationOf(
      await town.open(`/authorize?${new URLSearchParams(asked).toString()}`, other),
    );
    await assert.rejects(see(other.at(elsewhere)), { code: 'not_found' }, 'another request in the same path');
    const answer = town.exchange({ method: 'POST', url: place, headers: { cookie: browser.at(place) } });
    await assert.rejects(town.server.finish(answer, { granted: true, person: 'eve', authenticatedAt: 0 }), {
      code: 'login_refused',
    });
    await town.server.finish(answer, { granted: false });
    const back = new URL(locationOf(await town.open(locationOf(answer.answer()), browser)));
    assert.equal(back.searchParams.get('error'), 'access_denied');
    assert.equal(back.searchParams.get('iss'), issuer);
    await assert.rejects(see(browser.at(place)), { code: 'not_found' });
  });

  test('RFC 9470 §4: a request for a new login is not met by an old one', async () => {
    const town = await openTestServer();
    for (const more of [{ prompt: 'login' }, { max_age: '60', scope: 'openid mcp' }]) {
      const browser = new Browser();
      const query = new URLSearchParams(Object.entries({ ...asked, ...more })).toString();
      const place = locationOf(await town.open(`/authorize?${query}`, browser));
      const at = (): ReturnType<TestServer['exchange']> =>
        town.exchange({ method: 'POST', url: place, headers: { cookie: browser.at(place) } });
      assert.notEqual((await town.server.details(at())).signedInSince, null);
      const old = { granted: true, person: 'ada', authenticatedAt: town.clock.now() - 120_000 } as const;
      await assert.rejects(town.server.finish(at(), old), { code: 'login_refused' });
      await town.server.finish(at(), { ...old, authenticatedAt: town.clock.now() + 1_000 });
    }
  });

  test('a person may grant less than was asked for', async () => {
    const town = await openTestServer();
    const { json } = await redeem(town, (await codeFor(town, asked, ['mcp'])).searchParams.get('code'));
    assert.equal(json['scope'], 'mcp');
    assert.equal(decodeJwt(String(json['access_token']))['scope'], 'mcp');
  });

  test('a client that names no scope gets the default one (RFC 6749 §3.3)', async () => {
    const town = await openTestServer();
    const { scope: _scope, ...without } = asked;
    const { json } = await redeem(town, (await codeFor(town, without)).searchParams.get('code'));
    assert.equal(json['scope'], 'mcp');
  });

  test('RFC 6749 §3.3: a scope that nobody knows is not granted, and the answer says which are', async () => {
    const town = await openTestServer();
    const more = { ...asked, scope: 'mcp admin mcp:write everything' };
    const { json } = await redeem(town, (await codeFor(town, more)).searchParams.get('code'));
    assert.equal(json['scope'], 'mcp mcp:write');
    assert.equal(decodeJwt(String(json['access_token']))['scope'], 'mcp mcp:write');
  });

  test('RFC 6749 §4.1.2, §10.5: of 20 that redeem a code at once one gets a token, and a code that comes back ends its grant', async () => {
    const town = await openTestServer();
    const code = (await codeFor(town)).searchParams.get('code');
    const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(town, code)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.ok(answers.every(({ status, json }) => status === 200 || json['error'] === 'invalid_grant'));
    const won = answers.find(({ status }) => status === 200)?.json ?? {};
    assert.equal((await redeem(town, code)).json['error'], 'invalid_grant');
    const gid = decodeJwt(String(won['access_token']))['gid'];
    assert.deepEqual(
      (await town.records.ends(town.clock.now())).map(({ kind, key }) => [kind, key]),
      [['grant', gid]],
    );
    assert.equal((await refresh(town, won['refresh_token'])).json['error'], 'invalid_grant');
  });

  test('RFC 7636 §4.6, RFC 9700 §2.1.1: a code without its verifier is nothing, and nobody may do without or choose plain', async () => {
    const town = await openTestServer();
    const code = (await codeFor(town)).searchParams.get('code');
    for (const wrong of ['w'.repeat(43), challenge, '']) {
      const { json } = await redeem(town, code, { code_verifier: wrong });
      assert.match(String(json['error']), /^invalid_(grant|request)$/, wrong);
    }
    const { code_challenge: _challenge, code_challenge_method: _method, ...bare } = asked;
    const downgraded = [
      bare,
      { ...asked, code_challenge_method: 'plain', code_challenge: verifier },
      { ...bare, code_challenge: challenge },
    ];
    for (const parameters of downgraded) {
      const query = new URLSearchParams(parameters).toString();
      const answer = new URL(locationOf(await town.open(`/authorize?${query}`, new Browser())));
      assert.equal(answer.searchParams.get('error'), 'invalid_request');
      assert.equal(answer.searchParams.get('iss'), issuer, 'RFC 9207 §2: errors too');
    }
  });

  test('RFC 8252 §7.3, RFC 9700 §4.1: an answer goes to a loopback address of any port and to nowhere else', async () => {
    const town = await openTestServer();
    for (const uri of ['http://127.0.0.1:1/callback', 'http://[::1]:65535/callback']) {
      const answer = await codeFor(town, { ...asked, redirect_uri: uri });
      assert.equal(answer.origin + answer.pathname, uri);
    }
    const tricks = [
      'http://localhost:49152/callback',
      'http://127.0.0.1:49152/callback/../evil',
      'http://127.0.0.1:49152/Callback',
      'http://127.0.0.1.evil.example/callback',
      'http://127.0.0.1:49152@evil.example/callback',
      'https://127.0.0.1:49152/callback',
      'http://127.0.0.1:49152/callback?x=1',
      'http://127.0.0.1:49152/callback#f',
      'http://127.1:49152/callback',
      'http://[::ffff:127.0.0.1]:49152/callback',
      'https://evil.example/callback',
      'javascript:alert(1)//127.0.0.1/callback',
    ];
    for (const uri of tricks) {
      const query = new URLSearchParams({ ...asked, redirect_uri: uri }).toString();
      const { status, headers, text } = await town.open(`/authorize?${query}`, new Browser());
      assert.equal(status, 400, uri);
      assert.equal(headers['location'], undefined);
      assert.ok(text.includes('invalid_redirect_uri'), uri);
      assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/);
    }
    const code = (await codeFor(town)).searchParams.get('code');
    const other = await redeem(town, code, { redirect_uri: 'http://127.0.0.1:50000/callback' });
    assert.equal(other.json['error'], 'invalid_grant');
  });

  test('RFC 8707 §2.2: a code for one server is no token for another', async () => {
    const town = await openTestServer();
    const code = (await codeFor(town)).searchParams.get('code');
    assert.equal((await redeem(town, code, { resource: mail })).json['error'], 'invalid_target');
  });

  test('RFC 8705 §2.1: a code of one agent is of no use to another', async () => {
    const town = await openTestServer();
    const code = (await codeFor(town)).searchParams.get('code');
    assert.equal((await redeem(town, code, {}, 'thief')).json['error'], 'invalid_client');
    assert.equal(
      (await redeem(town, code, { client_id: spiffe('thief') }, 'thief')).json['error'],
      'invalid_grant',
    );
  });

  test('RFC 9126 §2: a request can be pushed by the agent itself, once, and nothing in the browser changes it', async () => {
    const town = await openTestServer();
    assert.equal((await town.post('/par', asked, 'thief')).json['error'], 'invalid_client');
    const { status, json } = await town.post('/par', asked, 'reader');
    assert.equal(status, 201, JSON.stringify(json));
    const pushed = { client_id: spiffe('reader'), request_uri: String(json['request_uri']) };
    const answer = await codeFor(town, {
      ...pushed,
      scope: 'evil',
      redirect_uri: 'http://127.0.0.1:2/callback',
    });
    assert.equal(answer.origin + answer.pathname, redirect);
    const { json: token } = await redeem(town, answer.searchParams.get('code'));
    assert.equal(token['scope'], 'mcp mcp:write');
    const again = await town.open(`/authorize?${new URLSearchParams(pushed).toString()}`, new Browser());
    assert.equal(again.status, 400);
  });
});

describe('O2 RFC 9396 authorization details', () => {
  const detail = (tools: readonly string[], more: object = {}) => ({ type: 'mcp_call', tools, ...more });
  const withDetails = (...details: readonly object[]) => ({
    ...asked,
    authorization_details: JSON.stringify(details),
  });

  test('are agreed to, stand in the token for the server that they are about, and only shrink', async () => {
    const town = await openTestServer();
    const read = detail(['read'], { locations: [files] });
    const send = detail(['send'], { locations: [mail] });
    const code = await codeFor(town, withDetails(read, send));
    const { json } = await redeem(town, code.searchParams.get('code'));
    assert.deepEqual(json['authorization_details'], [read]);
    assert.deepEqual(decodeJwt(String(json['access_token']))['authorization_details'], [read]);
    const form = {
      grant_type: 'refresh_token',
      client_id: spiffe('reader'),
      refresh_token: String(json['refresh_token']),
    };
    const more = {
      ...form,
      resource: files,
      authorization_details: JSON.stringify([detail(['read', 'write'])]),
    };
    assert.equal((await town.post('/token', more, 'reader')).json['error'], 'invalid_authorization_details');
  });

  test('an agent may hold itself to some tools, and what is no detail of ours is refused', async () => {
    const town = await openTestServer();
    const form = { grant_type: 'client_credentials', client_id: spiffe('reader'), resource: files };
    const own = [detail(['read'])];
    const { json } = await town.post(
      '/token',
      { ...form, authorization_details: JSON.stringify(own) },
      'reader',
    );
    assert.deepEqual(decodeJwt(String(json['access_token']))['authorization_details'], own);
    for (const wrong of [
      { type: 'other' },
      detail([]),
      detail(['a'], { x: 1 }),
      { type: 'mcp_call' },
      'mcp_call',
    ]) {
      const answer = await town.post(
        '/token',
        { ...form, authorization_details: JSON.stringify([wrong]) },
        'reader',
      );
      assert.equal(answer.json['error'], 'invalid_authorization_details', JSON.stringify(wrong));
    }
  });
});

describe('O2 refresh tokens', () => {
  const begin = async (): Promise<{
    readonly town: TestServer;
    readonly first: unknown;
    readonly gid: unknown;
  }> => {
    const town = await openTestServer();
    const { json } = await redeem(town, (await codeFor(town)).searchParams.get('code'));
    return { town, first: json['refresh_token'], gid: decodeJwt(String(json['access_token']))['gid'] };
  };

  test('RFC 6749 §6: belong to the agent: its renewed certificate is bound anew, another agent gets nothing', async () => {
    const { town, first } = await begin();
    assert.equal((await refresh(town, first, 'thief')).json['error'], 'invalid_client');
    assert.equal((await refresh(town, first, 'thief', 'thief')).json['error'], 'invalid_grant');
    const { status, json } = await refresh(town, first, 'reader/renewed');
    assert.equal(status, 200, JSON.stringify(json));
    const { cnf, sub } = decodeJwt(String(json['access_token']));
    const renewed = createHash('sha256').update('reader/renewed').digest('base64url');
    assert.deepEqual(cnf, { 'x5t#S256': renewed });
    assert.equal(sub, 'ada');
    assert.equal((await refresh(town, json['refresh_token'], 'reader')).status, 200);
  });

  test('RFC 9700 §4.14.2: rotate; an answer that was lost may be asked for once more within 30 seconds, and what the first answer gave is gone', async () => {
    const { town, first, gid } = await begin();
    const lost = (await refresh(town, first)).json;
    const again = await refresh(town, first);
    assert.equal(again.status, 200, JSON.stringify(again.json));
    assert.notEqual(again.json['refresh_token'], lost['refresh_token']);
    assert.equal((await refresh(town, lost['refresh_token'])).json['error'], 'invalid_grant');
    assert.equal((await refresh(town, again.json['refresh_token'])).status, 200);
    assert.equal((await refresh(town, first)).json['error'], 'invalid_grant', 'not a third time');
    assert.deepEqual(
      (await town.records.ends(town.clock.now())).map(({ key }) => key),
      [gid],
    );
  });

  test('RFC 9700 §4.14.2: one that comes back later ends the grant', async () => {
    const { town, first, gid } = await begin();
    const { json } = await refresh(town, first);
    town.clock.advance(31_000);
    assert.equal((await refresh(town, first)).json['error'], 'invalid_grant');
    assert.deepEqual(
      (await town.records.ends(town.clock.now())).map(({ key }) => key),
      [gid],
    );
    assert.equal((await refresh(town, json['refresh_token'])).json['error'], 'invalid_grant');
  });

  test('scopes only shrink, and a person who is gone refreshes nothing', async () => {
    const { town, first } = await begin();
    const less = await town.post(
      '/token',
      {
        grant_type: 'refresh_token',
        client_id: spiffe('reader'),
        refresh_token: String(first),
        scope: 'mcp',
      },
      'reader',
    );
    assert.equal(less.json['scope'], 'mcp');
    const next = String(less.json['refresh_token']);
    const more = {
      grant_type: 'refresh_token',
      client_id: spiffe('reader'),
      refresh_token: next,
      scope: 'mcp admin',
    };
    assert.equal((await town.post('/token', more, 'reader')).json['error'], 'invalid_scope');
    town.people.delete('ada');
    assert.equal((await refresh(town, next)).json['error'], 'invalid_grant');
  });
});

test('O2 nothing that could be redeemed stands in the records or in the log', async () => {
  const town = await openTestServer();
  const code = (await codeFor(town)).searchParams.get('code') ?? '';
  const { json } = await redeem(town, code);
  const token = String(json['refresh_token']);
  for (const [model, id] of [
    ['AuthorizationCode', code],
    ['RefreshToken', token],
  ] as const) {
    assert.equal(await town.records.find(model, id), null);
  }
  const said = JSON.stringify(town.events);
  assert.ok(town.events.some(({ type }) => type === 'token.issued'));
  for (const secret of [code, token, String(json['access_token'])]) assert.ok(!said.includes(secret));
});

test('RFC 9700 §4.2: the page of the authorization endpoint is at the listener of people, and its answers leave no cookie to others', async () => {
  const town = await openTestServer();
  const begun = await town.open(`/authorize?${new URLSearchParams(asked).toString()}`, new Browser());
  const cookies = begun.headers['set-cookie'] ?? [];
  assert.ok(cookies.length > 0);
  for (const cookie of cookies) {
    assert.match(cookie, /httponly/i);
    assert.match(cookie, /secure/i);
    assert.match(cookie, /samesite=lax/i);
  }
  assert.equal(new URL(peopleUrl).host, 'people.example:8445');
});
