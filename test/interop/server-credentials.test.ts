import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { decodeJwt } from 'jose';
import { errors, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createUpstream } from '../../src/upstream/create-upstream.ts';
import { jsonOf, post } from '../../src/upstream/inbound.fixture.ts';
import { readServerDefinition } from '../../src/upstream/server-definition.ts';

const authority = createFixtureAuthority('Test Root');
const gateway = authority.issue({ commonName: 'gateway', purpose: 'client' });
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const resource = 'https://billing.example/mcp';
const subject = 'canary-subject-token';

/** `oidc-provider` as the authorization server of an MCP server, with the grant of RFC 8693 that it leaves to its user. */
function provider(issuer: string): Provider {
  const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const grants = ['client_credentials', exchangeGrant];
  const client = {
    grant_types: grants,
    redirect_uris: [],
    response_types: [] as [],
    id_token_signed_response_alg: 'ES256',
  } as const;
  const made = new Provider(issuer, {
    clients: [
      {
        ...client,
        client_id: 'by-secret',
        client_secret: 'a:b c+d',
        token_endpoint_auth_method: 'client_secret_basic',
      },
      {
        ...client,
        client_id: 'by-key',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig' }] },
      },
      {
        ...client,
        client_id: 'by-tls',
        token_endpoint_auth_method: 'tls_client_auth',
        tls_client_auth_subject_dn: 'CN=gateway',
      },
    ],
    clientAuthMethods: ['client_secret_basic', 'private_key_jwt', 'tls_client_auth'],
    jwks: { keys: [{ ...signing.export({ format: 'jwk' }), use: 'sig', kid: 'one' }] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      mTLS: {
        enabled: true,
        tlsClientAuth: true,
        getCertificate: (ctx) => (ctx.req.socket as TLSSocket).getPeerX509Certificate(),
        certificateAuthorized: (ctx) => (ctx.req.socket as TLSSocket).authorized,
        certificateSubjectMatches: (ctx, _property, expected) =>
          (ctx.req.socket as TLSSocket).getPeerX509Certificate()?.subject === expected,
      },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'pay',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
  made.registerGrantType(exchangeGrant, (ctx) => exchange(made, ctx), [
    'subject_token',
    'subject_token_type',
    'requested_token_type',
    'audience',
    'resource',
    'scope',
  ]);
  return made;
}

async function exchange(made: Provider, ctx: KoaContextWithOIDC): Promise<void> {
  const { params, client } = ctx.oidc;
  if (params?.['subject_token'] !== subject || !client) throw new errors.InvalidGrant('unknown subject');
  const info = {
    audience: resource,
    scope: 'pay',
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256' } },
  } as const;
  const token = new made.ClientCredentials({
    client,
    scope: 'pay',
    extra: { act: { sub: client.clientId } },
  });
  token.resourceServer = new made.ResourceServer(resource, info);
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: params['requested_token_type'],
    token_type: 'Bearer',
    expires_in: 60,
  };
}

test('O5 oidc-provider takes what the gateway shows, by each method, and its tokens reach the server', async () => {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  opened.defer(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'root.pem'), authority.certificate);
  await writeFile(join(folder, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  const heard: string[] = [];
  const mcp = createPlainServer((request, response) => {
    heard.push(JSON.stringify(request.headers));
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end('{"jsonrpc":"2.0","id":1,"result":{}}');
  }).listen(0, '127.0.0.1');
  const shown = authority.issue({ commonName: 'localhost', purpose: 'server' });
  const tls = { cert: shown.certificate, key: shown.key, ca: authority.certificate };
  const as = createServer({ ...tls, requestCert: true, rejectUnauthorized: false }).listen(0, '127.0.0.1');
  await Promise.all([once(mcp, 'listening'), once(as, 'listening')]);
  for (const server of [mcp, as]) {
    opened.defer(() => {
      server.closeAllConnections();
      server.close();
    });
  }
  const issuer = `https://localhost:${(as.address() as AddressInfo).port}`;
  const callback = provider(issuer).callback();
  as.on('request', (request, response) => void callback(request, response));

  const clients: readonly JsonObject[] = [
    { method: 'secret', id: 'by-secret', secret: 'env:AS_SECRET' },
    { method: 'private-key-jwt', id: 'by-key', key: `file:${join(folder, 'key.pem')}` },
    { method: 'tls', id: 'by-tls' },
  ];
  for (const client of clients) {
    for (const kind of ['client-credentials', 'exchange']) {
      const place = {
        issuer,
        tokenEndpoint: `${issuer}/token`,
        client,
        authority: join(folder, 'root.pem'),
        privateAddresses: true,
      };
      const definition = readServerDefinition({
        name: 'billing',
        transport: 'http',
        era: 'modern',
        url: `http://127.0.0.1:${(mcp.address() as AddressInfo).port}/mcp`,
        credential: { kind, server: place, scopes: ['pay'], resource },
      });
      await using upstream = createUpstream(definition, {
        clock: systemClock,
        identity: () => gateway,
        environment: { AS_SECRET: 'a:b c+d' },
        log: () => undefined,
      });
      const ask = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
      await jsonOf(await upstream.send({ ...post('modern', ask), caller: 'a ann', subjectToken: subject }));
      const headers = JSON.parse(heard.at(-1) ?? '{}') as { authorization: string };
      const claims = decodeJwt(headers.authorization.slice('Bearer '.length));
      assert.deepEqual([claims.iss, claims.aud, claims['client_id']], [issuer, resource, client['id']], kind);
    }
  }
  assert.ok(heard.length === 6 && !heard.some((headers) => headers.includes('canary')));
});
