import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { findOperation } from '../../src/app/admin/operations.ts';
import type { Json } from '../../src/kernel/canonical-json.ts';
import { openTown, type Presentable, type Town, until } from './deployment.ts';
import { type Answered, call } from './token-town.ts';

const spiffe = (name: string): string => `spiffe://example.internal/agent/${name}`;

describe('O2, O6 access tokens for agents, by their certificates', () => {
  let town: Town;
  let agent: Presentable;
  let other: Presentable;

  before(async () => {
    town = await openTown();
    await town.addAgent('reader');
    await town.addAgent('other');
    await town.addHttpServer('files', 'http://127.0.0.1:1');
    agent = await town.issue('reader');
    other = await town.issue('other');
  });
  after(async () => {
    await town[Symbol.asyncDispose]();
  });

  const ask = (
    form: Readonly<Record<string, string>> = {},
    as: Presentable | undefined = agent,
    headers: Record<string, string> = {},
  ): Promise<Answered> =>
    call(
      `${town.authorityUrl}/token`,
      {
        grant_type: 'client_credentials',
        client_id: spiffe('reader'),
        resource: town.endpoint('files'),
        ...form,
      },
      { ...(as && { as }), ca: agent.ca, headers },
    );

  test('RFC 8705 §3, RFC 9068: a token is for one server, bound to the certificate of the connection, and short-lived', async () => {
    const { status, json, headers } = await ask();
    assert.equal(status, 200, JSON.stringify(json));
    assert.equal(headers['cache-control'], 'no-store');
    await until(() => town.gateway.view.tokens() !== null);
    const trust = town.gateway.view.tokens();
    assert.equal(trust?.issuer, town.authorityUrl);
    const keys = createLocalJWKSet({ keys: [...(trust?.keys ?? [])] as never });
    const { payload, protectedHeader } = await jwtVerify(String(json['access_token']), keys, {
      issuer: town.authorityUrl,
      audience: town.endpoint('files'),
      typ: 'at+jwt',
      algorithms: ['ES256'],
    });
    const thumbprint = createHash('sha256').update(new X509Certificate(agent.cert).raw).digest('base64url');
    assert.deepEqual(payload['cnf'], { 'x5t#S256': thumbprint });
    assert.equal(payload.sub, spiffe('reader'));
    assert.equal(payload['client_id'], spiffe('reader'));
    assert.equal(payload['scope'], 'mcp');
    assert.equal(payload['gid'], payload.jti);
    assert.ok((payload.exp ?? 0) - (payload.iat ?? 0) <= 300);
    assert.equal(protectedHeader.alg, 'ES256');
  });

  test('RFC 8414 §2, RFC 9110 §7.2: metadata name the issuer and its listeners, whatever Host a request has', async () => {
    const port = new URL(town.authorityUrl).port;
    const people = `https://localhost:${town.deployment.listeners['people']?.port}`;
    for (const path of ['oauth-authorization-server', 'openid-configuration']) {
      for (const host of [`127.0.0.1:${port}`, 'localhost:1', `localhost:${port}`]) {
        const url = `${town.authorityUrl}/.well-known/${path}`;
        const { status, json } = await call(url, null, {
          ca: agent.ca,
          headers: { host, 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' },
        });
        assert.equal(status, 200);
        assert.equal(json['issuer'], town.authorityUrl);
        assert.equal(json['token_endpoint'], `${town.authorityUrl}/token`);
        assert.equal(json['authorization_endpoint'], `${people}/authorize`);
        assert.deepEqual(json['code_challenge_methods_supported'], ['S256']);
        assert.deepEqual(json['scopes_supported'], ['openid', 'offline_access', 'mcp']);
        assert.deepEqual(json['token_endpoint_auth_methods_supported'], [
          'none',
          'tls_client_auth',
          'self_signed_tls_client_auth',
          'private_key_jwt',
        ]);
        assert.deepEqual(json['token_endpoint_auth_signing_alg_values_supported'], [
          'ES256',
          'EdDSA',
          'Ed25519',
          'PS256',
          'RS256',
        ]);
        assert.equal(json['tls_client_certificate_bound_access_tokens'], true);
        assert.equal(json['client_id_metadata_document_supported'], true);
        assert.equal(json['registration_endpoint'], undefined);
        assert.deepEqual(json['authorization_grant_profiles_supported'], [
          'urn:ietf:params:oauth:grant-profile:id-jag',
        ]);
        assert.equal(json['authorization_response_iss_parameter_supported'], true);
        assert.ok(!JSON.stringify(json).includes('evil'));
      }
    }
    const evil = await call(`${town.authorityUrl}/.well-known/oauth-authorization-server`, null, {
      ca: agent.ca,
      headers: { host: 'evil.example' },
    });
    assert.equal(evil.status, 421);
    assert.equal(evil.json['code'], 'host_refused');
  });

  test('RFC 8705 §2.1: nobody gets a token of an agent without a certificate of that agent', async () => {
    const wrong = [
      await ask({}, other),
      await call(
        `${town.authorityUrl}/token`,
        { grant_type: 'client_credentials', client_id: spiffe('reader'), resource: town.endpoint('files') },
        { ca: agent.ca },
      ),
      await ask({ client_id: spiffe('nobody') }),
      await ask({ client_id: 'spiffe://elsewhere.example/agent/reader' }),
    ];
    for (const { status, json } of wrong) {
      assert.equal(status, 401, JSON.stringify(json));
      assert.equal(json['error'], 'invalid_client');
      assert.equal(json['access_token'], undefined);
    }
  });

  test('RFC 8707 §2: a token is for one server that there is, and says nothing of any other', async () => {
    for (const resource of [
      '',
      town.endpoint('nothing'),
      `${town.endpoint('files')}/`,
      'https://elsewhere.example/mcp/files',
      `${town.gateway.agents.url}/mcp/../mcp/files`,
    ]) {
      const { status, json } = await ask({ resource });
      assert.equal(status, 400, resource);
      assert.equal(json['error'], 'invalid_target', resource);
    }
    const all = await ask({ resource: `${town.gateway.agents.url}/mcp` });
    assert.equal(all.status, 200, all.text);
  });

  test('RFC 6749 §3.3: a scope that an agent has not by itself is not in its token', async () => {
    const { json } = await ask({ scope: 'mcp admin openid' });
    assert.equal(json['scope'], 'mcp');
  });

  test('I7 an agent that is suspended, or whose certificate is revoked, gets no token from the next request on', async () => {
    const { authority } = town.deployment;
    await town.addAgent('leaving');
    const first = await town.issue('leaving');
    const second = await town.issue('leaving');
    const asLeaving = (as: Presentable): Promise<Answered> => ask({ client_id: spiffe('leaving') }, as);
    assert.equal((await asLeaving(first)).status, 200);
    await authority.revoke({ serial: first.serial, reason: 'stolen' }, 'test');
    assert.equal((await asLeaving(first)).status, 401);
    assert.equal((await asLeaving(second)).status, 200);
    await authority.changeAgentState('leaving', 'suspended', 'test');
    assert.equal((await asLeaving(second)).status, 401);
    await authority.changeAgentState('leaving', 'active', 'test');
    assert.equal((await asLeaving(second)).status, 200);
  });

  test('O8 an administrator ends a token, or all of an agent or a person, and a gateway knows within a second', async () => {
    const { authority } = town.deployment;
    const act = async (name: string, input: object): Promise<Record<string, Json>> =>
      (await findOperation(name).run(authority, input, { name: 'ops', way: 'local' })) as Record<
        string,
        Json
      >;
    const claimsOf = ({ json }: Answered) => decodeJwt(String(json['access_token']));
    const isEnded = ({ jti = '', sub = '', iat = 0 }: ReturnType<typeof decodeJwt>, named: string): boolean =>
      town.gateway.view.ended.isEnded({ jti, gid: jti, sub, agent: spiffe(named), issuedAt: iat * 1_000 });
    const first = claimsOf(await ask());
    const second = claimsOf(await ask());
    const listed = (await act('token.list', {})) as unknown as {
      tokens: { id: string }[];
      grants: unknown[];
    };
    assert.ok([first.jti, second.jti].every((jti) => listed.tokens.some(({ id }) => id === jti)));
    assert.deepEqual(listed.grants, []);

    const began = performance.now();
    await act('token.revoke', { token: first.jti, reason: 'test' });
    await until(() => isEnded(first, 'reader'));
    assert.ok(performance.now() - began < 1_000);
    assert.equal(isEnded(second, 'reader'), false);
    await assert.rejects(act('token.show', { id: first.jti }), { code: 'not_found' });
    assert.ok(await act('token.show', { id: second.jti }));

    await act('token.revoke', { agent: 'reader', reason: 'test' });
    await until(() => isEnded(second, 'reader'));
    // Tokens say in whole seconds when they were issued: one of the same second ends as well.
    await wait(1_000 - (Date.now() % 1_000));
    assert.equal(isEnded(claimsOf(await ask()), 'reader'), false, 'what is issued later counts');

    await act('token.revoke', { person: 'ada', reason: 'test' });
    await until(() => isEnded({ ...second, sub: 'ada', jti: 'x' }, 'nobody'));
    await town.addAgent('thief');
    const stolen = await town.issue('thief');
    const held = claimsOf(await ask({ client_id: spiffe('thief') }, stolen));
    await authority.revoke({ serial: stolen.serial, reason: 'stolen' }, 'test');
    await until(() => isEnded(held, 'thief'));
    const issuedAt = authority.clock.now();
    const token = {
      id: 'b',
      grantId: 'b',
      client: 'c',
      agent: null,
      person: 'bob',
      resource: 'r',
      scopes: [],
    };
    const lives = { issuedAt, expiresAt: issuedAt + 300_000 };
    await authority.store.oauth.noteIssued({
      ...token,
      binding: 'mtls',
      grantType: 'authorization_code',
      ...lives,
    });
    await authority.store.people.revoke('bob', authority.clock.now());
    await until(() => isEnded({ ...held, sub: 'bob', jti: 'x' }, 'nobody'));
    for (const wrong of [{}, { token: 'x', agent: 'reader' }]) {
      await assert.rejects(act('token.revoke', { ...wrong, reason: 'test' }), { code: 'invalid_input' });
    }
    for (const wrong of [{ token: 'x' }, { grant: 'x' }, { agent: 'nobody' }]) {
      await assert.rejects(act('token.revoke', { ...wrong, reason: 'test' }), { code: 'not_found' });
    }
  });

  test('O7 what tokens.yaml wants of a server can be asked for there, by agents where the settings say so, and nowhere else', async () => {
    const rule =
      'servers:\n  files:\n    scopes: [files:read]\n    demands:\n      - tools: [write]\n        scopes: [files:write]\n';
    await using other = await openTown(
      {},
      { authority: { tokens: { agentScopes: ['mcp', 'files:read', 'files:write'] } } },
    );
    await other.addAgent('reader');
    for (const name of ['files', 'mail']) await other.addHttpServer(name, 'http://127.0.0.1:1');
    const own = await other.issue('reader');
    const scopeAt = async (server: string): Promise<unknown> => {
      const form = {
        grant_type: 'client_credentials',
        client_id: spiffe('reader'),
        scope: 'files:read files:write other',
      };
      const where = { ...form, resource: other.endpoint(server) };
      return (await call(`${other.authorityUrl}/token`, where, { as: own, ca: own.ca })).json['scope'];
    };
    assert.equal(await scopeAt('files'), undefined);
    await writeFile(join(other.data.policies, 'tokens.yaml'), rule);
    await until(() => other.deployment.authority.tokenRules().servers.has('files'));
    assert.equal(await scopeAt('files'), 'files:read files:write');
    assert.equal(await scopeAt('mail'), undefined);
  });

  test('S4 what was issued and what was refused is in the log, with the reason, and no token is', async () => {
    const { json } = await ask();
    await ask({ resource: town.endpoint('nothing') });
    const log = await readFile(join(town.data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
    const events = log
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { event: Record<string, unknown> }).event);
    const issued = events.findLast(({ type }) => type === 'token.issued');
    assert.equal(issued?.['client'], spiffe('reader'));
    assert.equal(issued?.['agent'], spiffe('reader'));
    assert.equal(issued?.['serial'], agent.serial);
    assert.equal(issued?.['resource'], town.endpoint('files'));
    assert.equal(issued?.['binding'], 'mtls');
    const refused = events.findLast(({ type }) => type === 'token.refused');
    assert.equal(refused?.['error'], 'invalid_target');
    const revoked = events.find(({ reason }) => String(reason).startsWith('certificate_revoked'));
    assert.equal(revoked?.['type'], 'token.refused');
    const [head, claims] = String(json['access_token']).split('.');
    assert.ok(!log.includes(`${head}.${claims}`));
  });
});
