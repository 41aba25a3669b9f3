import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Grant } from '../oauth/resource/grant.ts';
import type { TokenIssuer } from '../oauth/resource/token-rules.ts';
import { standingOf } from './caller.fixture.ts';
import { gatewayUrl, mintingIssuer, testGate, tokenRules, tokenTime } from './token.fixture.ts';

const own = await standingOf('ci-bot');
const now = tokenTime / 1_000;
const keycloak: Partial<TokenIssuer> = {
  name: 'keycloak',
  issuer: 'https://sso.example.internal/realms/agents',
  type: 'JWT',
  audience: 'among',
  personAt: '/preferred_username',
  personPrefix: 'keycloak:',
  scopeRules: [
    { claims: new Map([['/groups', ['/engineering']]]), scopes: ['files:write'] },
    {
      claims: new Map([['/realm_access/roles', ['mcp-admin', 'root']]]),
      scopes: ['files:delete', 'files:write'],
    },
    {
      claims: new Map([
        ['/groups', ['/ops']],
        ['/acr', ['gold']],
      ]),
      scopes: ['files:ops'],
    },
  ],
};
const issuer = mintingIssuer(keycloak);

/** What a person of a Keycloak realm brings. */
const usual = {
  exp: now + 300,
  iat: now,
  auth_time: now - 10,
  jti: 'onrtac:6f6c',
  aud: [`${gatewayUrl}/mcp/files`, 'account'],
  sub: '1a2b3c4d-0000-4000-8000-000000000000',
  typ: 'Bearer',
  azp: 'desktop',
  client_id: undefined,
  gid: undefined,
  sid: 'b2f0',
  acr: '1',
  realm_access: { roles: ['offline_access', 'uma_authorization'] },
  groups: ['/engineering'],
  scope: 'profile email files:read',
  preferred_username: 'alice',
  cnf: { 'x5t#S256': own.caller.thumbprint },
};

async function grantFor(claims: object): Promise<Grant | null> {
  const { gate } = testGate(tokenRules({ issuers: [issuer.issuer] }));
  const token = await issuer.token({ ...usual, ...claims });
  const headers = {
    get: (name: string) => (name === 'authorization' ? `Bearer ${token}` : null),
    entries: () => [].values(),
  };
  return await gate.admit({ headers, method: 'POST' }, own, 'files');
}

const invalid = { code: 'token_invalid' };

describe('O4 tokens of an authorization server that others run', () => {
  test('as Keycloak binds them to certificates are accepted as they are', async () => {
    const grant = await grantFor({});
    assert.deepEqual(
      [grant?.person, grant?.client, grant?.acr, grant?.binding, grant?.grantId, grant?.authenticatedAt],
      ['keycloak:alice', 'desktop', '1', 'mtls', null, (now - 10) * 1_000],
    );
    assert.deepEqual(grant?.scopes, ['profile', 'email', 'files:read', 'files:write']);
  });

  test('I4 groups and roles give the scopes that the rules say, and no others', async () => {
    const scopes = async (claims: object): Promise<readonly string[] | undefined> =>
      (await grantFor({ scope: 'files:read', ...claims }))?.scopes;
    assert.deepEqual(await scopes({ groups: [] }), ['files:read']);
    assert.deepEqual(
      await scopes({ groups: '/engineering' }),
      ['files:read', 'files:write'],
      'one that is no list',
    );
    assert.deepEqual(await scopes({ groups: ['/engineering/interns', 'engineering', '/Engineering'] }), [
      'files:read',
    ]);
    assert.deepEqual(await scopes({ groups: [], realm_access: { roles: ['root'] } }), [
      'files:read',
      'files:delete',
      'files:write',
    ]);
    assert.deepEqual(await scopes({ groups: [], roles: ['root'], 'realm_access/roles': ['root'] }), [
      'files:read',
    ]);
    assert.deepEqual(await scopes({ groups: ['/ops'] }), ['files:read'], 'both claims are needed');
    assert.deepEqual(await scopes({ groups: ['/ops'], acr: 'gold' }), ['files:read', 'files:ops']);
    assert.deepEqual(
      await scopes({ groups: [], scope: undefined, scp: ['files:read'] }),
      ['files:read'],
      'as others write it',
    );
  });

  test('a person is named by the claim that was chosen, by its issuer, and never by two or none', async () => {
    for (const preferred_username of [undefined, '', ['alice', 'bob'], 7, 'x'.repeat(2_000), '\ud800']) {
      await assert.rejects(grantFor({ preferred_username }), invalid, JSON.stringify(preferred_username));
    }
    // A client that acts for itself is no person.
    const alone = await grantFor({ sub: 'desktop', preferred_username: undefined });
    assert.deepEqual([alone?.person, alone?.subject], [null, 'desktop']);
  });

  test('RFC 8725 §3.12 an ID token, a refresh token or a logout token of the same realm is none', async () => {
    for (const claims of [
      { typ: 'ID' },
      { typ: 'Refresh' },
      { typ: 'Offline' },
      { typ: 'Logout', events: { 'http://schemas.openid.net/event/backchannel-logout': {} } },
      { at_hash: 'x', nonce: 'y' },
    ]) {
      await assert.rejects(grantFor(claims), invalid, JSON.stringify(claims));
    }
  });
});
