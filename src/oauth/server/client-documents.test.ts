import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { decodeJwt, SignJWT } from 'jose';
import { type Client, createClient } from '../../http/fetch.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { createFixtureAuthority } from '../../http/tls.fixture.ts';
import { clientDocuments } from './client-documents.ts';
import { asked, codeFor, redeem } from './flows.fixture.ts';
import { type Answer, Browser, issuer, openTestServer, type TestServer } from './server.fixture.ts';

const id = 'https://client.example/oauth/client.json';
const loopback = ['http://127.0.0.1/callback'];

/** A server for which the documents of clients are these. */
async function withDocument(
  document: object | string,
  more: { status?: number; headers?: Record<string, string> } = {},
) {
  const fetched: string[] = [];
  const client = {
    async request({ url }: { readonly url: string }) {
      fetched.push(url);
      const body = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
      return {
        status: more.status ?? 200,
        headers: { 'content-type': 'application/json', ...more.headers },
        body,
      };
    },
  } as unknown as Client;
  const town = await openTestServer({ documents: clientDocuments(client, steppedClock(0)) });
  return { town, fetched };
}

const request = { ...asked, client_id: id };
const open = (town: TestServer, more: Record<string, string> = {}): Promise<Answer> =>
  town.open(`/authorize?${new URLSearchParams({ ...request, ...more }).toString()}`, new Browser());

describe('O2 clients that introduce themselves with a document', () => {
  const shapes = {
    'Claude Code: no application type, loopback by name and by address': {
      document: {
        client_id: id,
        client_name: 'Claude Code',
        redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
      redirect: 'http://localhost:54321/callback',
    },
    'Claude Desktop: a grant and a scope that nobody here has': {
      document: {
        client_id: id,
        client_name: 'Claude',
        redirect_uris: ['https://claude.example/api/mcp/auth_callback'],
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
        response_types: ['code'],
        scope: 'claudeai',
        token_endpoint_auth_method: 'none',
      },
      redirect: 'https://claude.example/api/mcp/auth_callback',
    },
    'ChatGPT: methods that it supports, and none that it uses': {
      document: {
        client_id: id,
        client_name: 'ChatGPT',
        redirect_uris: ['https://chatgpt.example/connector/oauth/x'],
        token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
        jwks_uri: 'https://chatgpt.example/jwks.json',
      },
      redirect: 'https://chatgpt.example/connector/oauth/x',
    },
    'VS Code: loopback with a port, a page, and the device flow': {
      document: {
        client_id: id,
        client_name: 'Visual Studio Code',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1:33418/', 'https://vscode.example/redirect'],
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        logo_uri: 'javascript:alert(1)',
      },
      redirect: 'http://127.0.0.1:40000/',
    },
  };
  for (const [title, { document, redirect }] of Object.entries(shapes)) {
    test(`are accepted in the shape of ${title}, and their tokens are bound to the agent that asks`, async () => {
      const { town } = await withDocument(document);
      const code = await codeFor(town, { ...request, redirect_uri: redirect });
      const parts = { client_id: id, redirect_uri: redirect };
      assert.equal(
        (await redeem(town, code.searchParams.get('code'), parts, '')).json['error'],
        'invalid_grant',
      );
      const { status, json } = await redeem(town, code.searchParams.get('code'), parts);
      assert.equal(status, 200, JSON.stringify(json));
      const claims = decodeJwt(String(json['access_token']));
      assert.equal(claims['client_id'], id);
      assert.deepEqual(Object.keys(claims['cnf'] as object), ['x5t#S256']);
      assert.deepEqual(claims['act'], { sub: 'spiffe://example.internal/agent/reader' });
      const again = (as: string): Promise<Answer> =>
        town.post(
          '/token',
          { grant_type: 'refresh_token', client_id: id, refresh_token: String(json['refresh_token']) },
          as,
        );
      assert.equal((await again('thief')).json['error'], 'invalid_grant', 'RFC 9700 §4.14.2: another agent');
      assert.equal((await again('reader/renewed')).status, 200, 'a renewed certificate');
    });
  }

  test('draft-ietf-oauth-client-id-metadata-document §4: are refused when the document is not theirs, or not one', async () => {
    const whole = { client_id: id, redirect_uris: loopback };
    const wrong = [
      { ...whole, client_id: 'https://other.example/client.json' },
      { ...whole, client_secret: 's' },
      { ...whole, token_endpoint_auth_method: 'client_secret_post' },
      { ...whole, token_endpoint_auth_method: 'private_key_jwt' },
      { ...whole, redirect_uris: [] },
      { ...whole, redirect_uris: ['javascript:alert(1)'] },
      { ...whole, redirect_uris: ['http://evil.example/callback'] },
      { ...whole, client_name: 'x'.repeat(6_000) },
      { redirect_uris: loopback },
      [],
      'not json',
      '',
    ];
    for (const document of wrong) {
      const { town } = await withDocument(document);
      const { status, headers } = await open(town);
      assert.equal(status, 400, JSON.stringify(document).slice(0, 100));
      assert.equal(headers['location'], undefined);
    }
    for (const status of [301, 302, 404, 500]) {
      const { town } = await withDocument(whole, { status, headers: { location: 'http://127.0.0.1/' } });
      assert.equal((await open(town)).status, 400, String(status));
    }
  });

  test('§3: an id that is no plain https URL is not even fetched', async () => {
    const { town, fetched } = await withDocument({ client_id: id, redirect_uris: loopback });
    for (const wrong of [
      'http://client.example/client.json',
      'https://user:pass@client.example/client.json',
      'https://client.example/a/../client.json',
      'https://client.example/%2e%2e/client.json',
      'https://client.example/client.json#f',
      'https://client.example/client\\.json',
      'ftp://client.example/client.json',
    ]) {
      assert.equal((await open(town, { client_id: wrong })).status, 400, wrong);
    }
    assert.deepEqual(fetched, []);
  });

  test('§6: are fetched once and not again and again, and strangers cannot make us fetch without end', async () => {
    const { town, fetched } = await withDocument({ client_id: id, redirect_uris: loopback });
    for (let time = 0; time < 3; time += 1) assert.equal((await open(town)).status, 303);
    assert.equal(fetched.length, 1);
    for (let time = 0; time < 80; time += 1) await open(town, { client_id: `${id}?${time}` });
    assert.equal(fetched.length, 60);
    const closed = await openTestServer({ documents: clientDocuments(null, steppedClock(0)) });
    assert.equal((await open(closed)).status, 400, 'where they are refused');
  });

  test('§6.1 (SSRF): nothing is sent to an address that is not public, by whatever name or notation', async () => {
    let connections = 0;
    const inside = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    inside.listen(0, '127.0.0.1');
    await once(inside, 'listening');
    const { port } = inside.address() as { readonly port: number };
    const answers = [
      '127.0.0.1',
      '::ffff:127.0.0.1',
      '169.254.169.254',
      '10.0.0.1',
      '::1',
      'fd00::1',
      '0.0.0.0',
      '64:ff9b::7f00:1',
    ];
    for (const address of answers) {
      await using client = createClient({
        addressGuard: 'public-only',
        // One public address beside a private one is how names are rebound.
        lookup: (_name, _options, done) => done(null, [{ address, family: address.includes(':') ? 6 : 4 }]),
      });
      const town = await openTestServer({ documents: clientDocuments(client, steppedClock(0)) });
      const answer = await open(town, { client_id: `https://rebound.example:${port}/client.json` });
      assert.equal(answer.status, 400, address);
    }
    await using client = createClient({ addressGuard: 'public-only' });
    const town = await openTestServer({ documents: clientDocuments(client, steppedClock(0)) });
    for (const host of ['localhost', '127.0.0.1', '[::1]', '2130706433', '0x7f.1', '[::ffff:7f00:1]']) {
      assert.equal(
        (await open(town, { client_id: `https://${host}:${port}/client.json` })).status,
        400,
        host,
      );
    }
    assert.equal(connections, 0);
    inside.close();
  });
});

test('O2 RFC 9449 §5: a client without a certificate binds its tokens to a key of its own, and a proof is good once', async () => {
  const { town } = await withDocument({ client_id: id, redirect_uris: loopback });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const proof = (): Promise<string> =>
    new SignJWT({ jti: randomUUID(), htm: 'POST', htu: `${issuer}/token` })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } } as never)
      .setIssuedAt()
      .sign(privateKey);
  const code =
    (await codeFor(town, { ...request, redirect_uri: asked.redirect_uri })).searchParams.get('code') ?? '';
  const form = {
    grant_type: 'authorization_code',
    client_id: id,
    code,
    redirect_uri: asked.redirect_uri,
    code_verifier: 'v'.repeat(43),
  };
  const used = await proof();
  const won = await town.post('/token', form, null, { dpop: used });
  assert.equal(won.status, 200, won.text);
  assert.equal(won.json['token_type'], 'DPoP');
  assert.deepEqual(Object.keys(decodeJwt(String(won.json['access_token']))['cnf'] as object), ['jkt']);
  const next = {
    grant_type: 'refresh_token',
    client_id: id,
    refresh_token: String(won.json['refresh_token']),
  };
  const replays = await Promise.all(
    Array.from({ length: 10 }, () => town.post('/token', next, null, { dpop: used })),
  );
  assert.ok(
    replays.every(({ status }) => status === 400),
    'the proof was used',
  );
  assert.equal((await town.post('/token', next, null)).status, 400, 'without a proof');
  assert.equal((await town.post('/token', next, null, { dpop: await proof() })).status, 200);
});

test('O2 RFC 8705 §2.2: a client may name its own certificate, and another one is not taken for it', async () => {
  const mine = createFixtureAuthority('somebody').issue({
    commonName: 'mine',
    purpose: 'client',
  }).certificate;
  const other = createFixtureAuthority('somebody').issue({
    commonName: 'mine',
    purpose: 'client',
  }).certificate;
  const certificate = new X509Certificate(mine);
  const { kty, crv, x, y, n, e } = certificate.publicKey.export({ format: 'jwk' });
  const key = JSON.parse(
    JSON.stringify({ kty, crv, x, y, n, e, use: 'sig', kid: 'k', x5c: [certificate.raw.toString('base64')] }),
  ) as object;
  const { town } = await withDocument({
    client_id: id,
    redirect_uris: loopback,
    token_endpoint_auth_method: 'self_signed_tls_client_auth',
    jwks: { keys: [key] },
  });
  const ask = async (unverified?: Uint8Array): Promise<Answer> => {
    const body = new URLSearchParams(request).toString();
    const exchange = town.exchange({
      method: 'POST',
      url: '/par',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
      ...(unverified && { unverified }),
    });
    await town.server.answer(exchange);
    return exchange.answer();
  };
  const answered = await ask(certificate.raw);
  assert.equal(answered.status, 201, answered.text);
  for (const wrong of [new X509Certificate(other).raw, undefined]) {
    assert.equal((await ask(wrong)).json['error'], 'invalid_client');
  }
});
