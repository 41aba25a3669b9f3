import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { openSession, shiftedClock } from '../bridge.fixture.ts';
import { openOAuthTown } from './oauth-town.fixture.ts';

const code = (answer: JsonObject): unknown => ((answer['error'] as JsonObject)['data'] as JsonObject)['code'];

test('O1 a server of others that wants a token gets one by code, PKCE, state, iss and resource, and sees no certificate', async () => {
  await using town = await openOAuthTown();
  const client = await town.connect();
  await openSession(client);
  client.send({ id: 1, method: 'tools/list' });
  assert.ok((await client.answerTo(1))['result']);
  assert.equal(town.pages.length, 1);
  const pushed = town.issuer.requests.find(({ path }) => path === '/par')?.parameters ?? {};
  assert.equal(pushed['resource'], town.server);
  assert.equal(pushed['code_challenge_method'], 'S256');
  const redeemed = town.issuer.requests.find(({ path }) => path === '/token')?.parameters ?? {};
  assert.equal(redeemed['resource'], town.server);
  const parties = [
    ...town.seen.map(({ connection }) => connection.certificate),
    ...town.issuer.requests.map(({ certificate }) => certificate),
  ];
  assert.ok(parties.length > 4 && parties.every((certificate) => certificate === null));
});

test('O2 a sign-in outlives the bridge, in files of the owner that hold no token in the clear', async () => {
  await using town = await openOAuthTown();
  const first = await town.connect();
  await openSession(first);
  await first.end();
  const folder = join(town.folder, 'state');
  for (const name of await readdir(folder)) {
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
    assert.doesNotMatch(await readFile(join(folder, name), 'utf8'), /canary/);
  }
  const second = await town.connect();
  await openSession(second);
  assert.equal(town.pages.length, 1);
  assert.equal(town.issuer.refreshTokens.size, 1);
});

test('O1 calls that come together share one sign-in and one renewal', async () => {
  const clock = shiftedClock();
  await using town = await openOAuthTown(clock);
  const client = await town.connect();
  for (let id = 1; id <= 8; id++) client.send({ id, method: 'tools/list', params: {} });
  for (let id = 1; id <= 8; id++) assert.ok((await client.answerTo(id))['result']);
  assert.equal(town.pages.length, 1);
  clock.shift(280_000);
  for (let id = 11; id <= 18; id++) client.send({ id, method: 'tools/list', params: {} });
  for (let id = 11; id <= 18; id++) assert.ok((await client.answerTo(id))['result']);
  const grants = town.issuer.requests.filter(({ path }) => path === '/token');
  assert.deepEqual(
    grants.map(({ parameters }) => parameters['grant_type']),
    ['authorization_code', 'refresh_token'],
  );
});

test('O7 RFC 6750 §3.1 a 403 insufficient_scope steps up to all scopes so far, and a server that is never content is left', async () => {
  await using town = await openOAuthTown();
  town.scopes.set('tools/list', ['read']).set('tools/call', ['write']);
  const client = await town.connect();
  client.send({ id: 1, method: 'tools/list' });
  await client.answerTo(1);
  client.send({ id: 2, method: 'tools/call', params: { name: 'x' } });
  assert.ok((await client.answerTo(2))['result']);
  const asked = town.issuer.requests.filter(({ path }) => path === '/par');
  assert.deepEqual(
    asked.map(({ parameters }) => parameters['scope']),
    ['read', 'read write'],
  );
  town.scopes.set('prompts/list', ['never']);
  town.issuer.tokenAnswer = () => ({
    status: 200,
    body: { access_token: [...town.issuer.tokens.keys()].at(-1), token_type: 'Bearer', expires_in: 300 },
  });
  client.send({ id: 3, method: 'prompts/list' });
  assert.equal(code(await client.answerTo(3)), 'sign_in_failed');
  assert.ok(town.pages.length <= 4, `${town.pages.length} pages`);
});

test('O1 no token, code, verifier or secret is ever logged or told', async () => {
  await using town = await openOAuthTown();
  const client = await town.connect();
  await openSession(client);
  town.issuer.tokenAnswer = () => ({
    status: 200,
    body: { access_token: 'access-canary', refresh_token: 'refresh-canary', token_type: 'N_A' },
  });
  town.issuer.tokens.clear();
  client.send({ id: 1, method: 'tools/list' });
  const refused = await client.answerTo(1);
  assert.equal(code(refused), 'sign_in_failed');
  assert.doesNotMatch([...client.lines, ...town.log].join('\n'), /canary/);
  assert.ok(town.log.length > 0);
});

test('a server of others that is down or not trusted is told without advice about certificates of ours', async () => {
  await using town = await openOAuthTown();
  const told = async (more: object): Promise<string> => {
    const client = await town.connect({ limits: { patienceMilliseconds: 0 }, ...more });
    client.send({ id: 1, method: 'tools/list' });
    return JSON.stringify((await client.answerTo(1))['error']);
  };
  const unreachable = await told({ server: 'https://127.0.0.1:1/mcp' });
  assert.match(
    unreachable,
    /The server https:\/\/127\.0\.0\.1:1 cannot be reached.*Check the address and that it runs/,
  );
  const untrusted = await told({ rootsFile: null });
  assert.match(untrusted, /gateway_untrusted/);
  assert.doesNotMatch(unreachable + untrusted, /our certificate|state folder|[Tt]he gateway/);
  assert.equal(town.seen.length, 0);
});

test('a stream that waits for news asks nobody to sign in, however often it comes back', async () => {
  await using town = await openOAuthTown();
  const face = { kind: 'http', port: 0 } as const;
  const { bridge } = await town.connect({ face });
  const url = bridge.face.kind === 'http' ? bridge.face.url : '';
  const headers = { accept: 'text/event-stream' };
  for (const _again of [1, 2, 3]) {
    const answer = await fetch(url, { headers });
    assert.equal(answer.status, 401);
    await answer.body?.cancel();
  }
  assert.deepEqual(town.pages, []);
  const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  assert.equal((await fetch(url, { method: 'POST', headers: json, body: call })).status, 200);
  assert.equal((await fetch(url, { headers })).status, 405);
  assert.equal(town.pages.length, 1);
});
