import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { decodeJwt, SignJWT } from 'jose';
import { personIssuer, providerOf } from '../../enrol/person/person.fixture.ts';
import { memoryUsedTokens } from '../../enrol/workload/memory-used-tokens.ts';
import { readNameTemplate } from '../../enrol/workload/name-template.ts';
import { readSubjectPattern } from '../../enrol/workload/subject-pattern.ts';
import type { WorkloadIssuer } from '../../enrol/workload/workload-issuer.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { systemClock } from '../../kernel/clock.ts';
import { testKey } from '../../oauth/keys/key.fixture.ts';
import {
  type Answer,
  files,
  issuer,
  mail,
  openTestServer,
  spiffe,
  type TestServer,
} from '../../oauth/server/server.fixture.ts';
import type { ConfiguredProvider } from '../config/people-file.ts';
import { openAssertions } from './assertions.ts';

const key = testKey('k');
const keys = { keys: [key.jwk] };
const now = (): number => Math.floor(systemClock.now() / 1_000);

const provider: ConfiguredProvider = {
  ...providerOf({ vouches: true }),
  authority: null,
  privateAddresses: false,
  keys: { url: personIssuer, discover: true },
};

const platform: WorkloadIssuer = {
  name: 'ci',
  known: { issuer: 'https://ci.example' },
  audience: issuer,
  longestLife: 3_600_000,
  once: true,
  rules: [
    {
      subject: readSubjectPattern('job:{name}'),
      claims: new Map(),
      patterns: new Map(),
      name: readNameTemplate('{name}', ['name']),
      kind: 'agent',
      dnsNames: [],
    },
  ],
};

/** An authorization server that takes the assertions of one provider and of one platform. */
async function open(vouches = true): Promise<TestServer & { readonly disabled: Set<string> }> {
  const disabled = new Set<string>();
  const silent = { append: async () => undefined as never, record: async () => undefined };
  const used = memoryUsedTokens();
  const assertions = openAssertions({
    trustDomain: 'example.internal',
    workloads: {
      issuers: { list: async () => [platform], keysOf: async () => keys },
      used,
      clock: systemClock,
      audit: silent,
      strangers: silent,
    },
    providers: { list: async () => [{ ...provider, vouches }], keysOf: async () => keys },
    store: {
      usedTokens: used,
      people: {
        find: async (person: string) => (disabled.has(person) ? { state: 'disabled' } : null),
      } as never,
    },
    clock: systemClock,
  });
  return { ...(await openTestServer({ assertions })), disabled };
}

function jag(more: JsonObject = {}, typ = 'oauth-id-jag+jwt', signer = key): Promise<string> {
  const claims = {
    iss: personIssuer,
    aud: issuer,
    sub: 'a-1',
    email: 'Ada@example.com',
    email_verified: true,
    client_id: spiffe('reader'),
    jti: randomUUID(),
    resource: files,
    scope: 'mcp mcp:write',
    auth_time: now() - 10,
    iat: now(),
    exp: now() + 300,
    ...more,
  };
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k', typ }).sign(signer.privateKey);
}

function workload(more: JsonObject = {}): Promise<string> {
  const claims = {
    iss: 'https://ci.example',
    aud: issuer,
    sub: 'job:reader',
    jti: randomUUID(),
    iat: now(),
    exp: now() + 300,
  };
  return new SignJWT({ ...claims, ...more })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .sign(key.privateKey);
}

const show = (
  town: TestServer,
  assertion: string,
  as = 'reader',
  more: Record<string, string> = {},
): Promise<Answer> => {
  const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  return town.post('/token', { grant_type: grant, client_id: spiffe(as), assertion, ...more }, as);
};

describe('O6 identity assertions (ID-JAG)', () => {
  test('draft-ietf-oauth-identity-assertion-authz-grant §4.4: of a provider that may vouch give an agent a bound token of the person', async () => {
    const town = await open();
    const { status, json } = await show(town, await jag());
    assert.equal(status, 200, JSON.stringify(json));
    const claims = decodeJwt(String(json['access_token']));
    assert.equal(claims.sub, 'ada@example.com');
    assert.equal(claims.aud, files);
    assert.equal(claims['scope'], 'mcp mcp:write');
    assert.deepEqual(claims['act'], { sub: spiffe('reader') });
    assert.deepEqual(Object.keys(claims['cnf'] as object), ['x5t#S256']);
    assert.equal(typeof claims['auth_time'], 'number');
    assert.equal(json['refresh_token'], undefined);
    assert.ok(
      town.events.some(({ type, person }) => type === 'token.issued' && person === 'ada@example.com'),
    );
  });

  test('O3 give no scope that the person may not give here, whatever their provider says', async () => {
    const town = await open();
    town.mayGive.set('ada@example.com', new Set(['mcp']));
    assert.equal((await show(town, await jag())).json['scope'], 'mcp');
    town.mayGive.set('ada@example.com', new Set());
    assert.equal((await show(town, await jag())).json['error'], 'invalid_grant');
  });

  test('§4.4.1: are good once, also for twenty who show one at once', async () => {
    const town = await open();
    const assertion = await jag();
    const answers = await Promise.all(Array.from({ length: 20 }, () => show(town, assertion)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.ok(answers.every(({ status, json }) => status === 200 || json['error'] === 'invalid_grant'));
  });

  test('§4.4.1, RFC 7523bis §3, RFC 8725 §3.11: are for this issuer alone, this client, now, signed, and of their own kind', async () => {
    const town = await open();
    const wrong = [
      await jag({ aud: [issuer, 'https://other.example'] }),
      await jag({ aud: `${issuer}/token` }),
      await jag({ client_id: spiffe('helper') }),
      await jag({ iss: 'https://other.example' }),
      await jag({ exp: now() - 60 }),
      await jag({ iat: now() + 600, exp: now() + 700 }),
      await jag({ exp: now() + 3_600 }),
      await jag({ jti: '' }),
      await jag({ email_verified: false }),
      await jag({}, 'JWT'),
      await jag({}, 'oauth-id-jag+jwt', testKey('k')),
      `${(await jag()).split('.').slice(0, 2).join('.')}.`,
      'garbage',
    ];
    for (const [at, assertion] of wrong.entries()) {
      assert.equal((await show(town, assertion)).json['error'], 'invalid_grant', String(at));
    }
    assert.equal((await show(town, await jag(), 'thief')).json['error'], 'invalid_grant', 'another agent');
    assert.equal(
      (await show(await open(false), await jag())).json['error'],
      'invalid_grant',
      'who may not vouch',
    );
    town.disabled.add('ada@example.com');
    assert.equal((await show(town, await jag())).json['error'], 'invalid_grant', 'a person who is disabled');
  });

  test('give no more than they say, for the server that they say', async () => {
    const town = await open();
    assert.equal(
      (await show(town, await jag(), 'reader', { resource: mail })).json['error'],
      'invalid_target',
    );
    const less = await show(town, await jag({ scope: 'mcp' }), 'reader', { scope: 'mcp mcp:write' });
    assert.equal(less.json['scope'], 'mcp');
  });
});

describe('O6 JWTs of workloads as grants (RFC 7523)', () => {
  test('give the agent that the rules of their issuer name a token, beside its certificate and not in its place', async () => {
    const town = await open();
    const { status, json } = await show(town, await workload(), 'reader', { resource: files });
    assert.equal(status, 200, JSON.stringify(json));
    const claims = decodeJwt(String(json['access_token']));
    assert.equal(claims.sub, spiffe('reader'));
    assert.equal(claims['scope'], 'mcp');
    assert.equal(
      (await show(town, await workload(), 'helper', { resource: files })).json['error'],
      'invalid_grant',
    );
    const bare = {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      client_id: spiffe('reader'),
      resource: files,
    };
    const stolen = await town.post('/token', { ...bare, assertion: await workload() });
    assert.equal(stolen.json['error'], 'invalid_client');
  });

  test('§3: are good once where their issuer says so, and not for others', async () => {
    const town = await open();
    const token = await workload();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => show(town, token, 'reader', { resource: files })),
    );
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    for (const more of [
      { aud: 'other' },
      { exp: now() - 60 },
      { sub: 'cron:reader' },
      { iss: 'https://x.example' },
    ]) {
      const answer = await show(town, await workload(more), 'reader', { resource: files });
      assert.equal(answer.json['error'], 'invalid_grant', JSON.stringify(more));
    }
    assert.equal((await show(town, await workload())).json['error'], 'invalid_target', 'without a resource');
  });
});
