import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { openOAuthTown, type OAuthTown } from './oauth-town.fixture.ts';

const path = '/.well-known/oauth-protected-resource/mcp';

/** What a call comes to, and whether anybody was led to a page or asked for a token. */
async function outcome(
  town: OAuthTown,
): Promise<{ readonly code: unknown; readonly pages: number; readonly asked: readonly string[] }> {
  const client = await town.connect();
  client.send({ id: 1, method: 'tools/list' });
  const answer = await client.answerTo(1);
  const error = answer['error'] as JsonObject | undefined;
  return {
    code: error ? (error['data'] as JsonObject)['code'] : 'fine',
    pages: town.pages.length,
    asked: town.issuer.requests.map((request) => request.path).filter((one) => one === '/token'),
  };
}

const refused = { code: 'sign_in_failed', pages: 0, asked: [] };

for (const [what, document] of [
  ['of another path', { resource: 'https://127.0.0.1/other' }],
  ['of another host', { resource: 'https://mcp.example.com/mcp' }],
  ['of a path above', { resource: 'ORIGIN' }],
  ['without a resource', { resource: undefined }],
  ['without an authorization server', { authorization_servers: [] }],
  ['with an authorization server that is no URL', { authorization_servers: ['javascript:alert(1)'] }],
  ['with an authorization server over plain HTTP', { authorization_servers: ['http://as.example.com'] }],
] as const) {
  test(`O1 RFC 9728 §3.3 metadata ${what} end the sign-in before anybody is asked`, async () => {
    await using town = await openOAuthTown();
    const text = JSON.stringify({ ...town.resource.get(path), ...document });
    const value = JSON.parse(text.replace('ORIGIN', new URL(town.server).origin)) as object;
    town.resource.set(path, value);
    assert.deepEqual(await outcome(town), refused);
  });
}

for (const [what, metadata] of [
  ['RFC 8414 §3.3 metadata of another issuer', { issuer: 'https://as.example.com' }],
  ['RFC 8414 §3.3 an issuer that is the same but for a slash', { issuer: 'SLASH' }],
  [
    'RFC 7636 §4.2 a server that does not say it checks S256',
    { code_challenge_methods_supported: undefined },
  ],
  ['RFC 7636 §7.2 a server that checks plain only', { code_challenge_methods_supported: ['plain'] }],
  ['RFC 6749 §3.2 a token endpoint without TLS', { token_endpoint: 'http://as.example.com/token' }],
  ['CVE-2025-6514 a page that is no web page', { authorization_endpoint: 'file:///etc/passwd' }],
  ['CVE-2025-6514 a page for a shell', { authorization_endpoint: 'a:$(calc.exe)' }],
  ['a server with no token endpoint', { token_endpoint: undefined }],
] as const) {
  test(`O2 ${what} ends the sign-in before a page is shown`, async () => {
    await using town = await openOAuthTown();
    town.issuer.metadata = { ...metadata };
    if (metadata.issuer === 'SLASH') town.issuer.metadata = { issuer: `${town.issuer.issuer}/` };
    assert.deepEqual(await outcome(town), refused);
  });
}

for (const [what, answering] of [
  ['RFC 9207 §2.4 the answer of another issuer', { iss: 'https://as.example.com' }],
  ['RFC 9207 §2.4 an issuer that is the same but for a slash', { iss: 'SLASH' }],
  ['RFC 9207 §2.4 no issuer from a server that says it names itself', { iss: null }],
  ['RFC 6749 §4.1.2.1 a refusal', { error: 'access_denied' }],
] as const) {
  test(`O2 ${what} gets no token, and the code is not redeemed`, async () => {
    await using town = await openOAuthTown();
    town.issuer.answering = { ...answering };
    if ('iss' in answering && answering.iss === 'SLASH')
      town.issuer.answering = { iss: `${town.issuer.issuer}/` };
    assert.deepEqual(await outcome(town), { ...refused, pages: 1 });
  });
}

test('O1 RFC 9728 §3.1 without a challenge the two well-known places are asked, and the one of the host speaks for the host', async () => {
  await using town = await openOAuthTown();
  const { origin } = new URL(town.server);
  town.challenge = () => ({});
  town.resource.clear();
  town.resource.set('/.well-known/oauth-protected-resource', {
    resource: town.server,
    authorization_servers: [town.issuer.issuer],
    scopes_supported: ['all'],
  });
  assert.deepEqual(await outcome(town), { code: 'fine', pages: 1, asked: ['/token'] });
  assert.equal(town.issuer.requests.find((one) => one.path === '/par')?.parameters['scope'], 'all');
  town.resource.set('/.well-known/oauth-protected-resource', {
    resource: origin,
    authorization_servers: [town.issuer.issuer],
  });
  town.issuer.tokens.clear();
  town.issuer.refreshTokens.clear();
  await outcome(town);
  assert.equal(town.issuer.requests.findLast((one) => one.path === '/par')?.parameters['resource'], origin);
});

test('law 8 what a server on the internet names is looked up, checked and pinned: no address inside is asked', async () => {
  const { openWeb } = await import('./web.ts');
  await using web = openWeb({ server: 'https://mcp.example.com/mcp', named: [], roots: null, own: null });
  for (const url of [
    'https://127.0.0.1/',
    'https://localhost/',
    'https://10.0.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://2130706433/',
  ]) {
    await assert.rejects(web.request({ method: 'GET', url }), { code: 'address_refused' }, url);
  }
  for (const url of [
    'http://as.example.com/',
    'file:///etc/passwd',
    'https://user:word@as.example.com/',
    'x',
  ]) {
    await assert.rejects(web.request({ method: 'GET', url }), { code: 'sign_in_failed' }, url);
  }
});
