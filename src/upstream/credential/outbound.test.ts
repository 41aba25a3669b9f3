import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createPlainServer, type IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { createFixtureAuthority } from '../../http/tls.fixture.ts';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import { createRedactor } from '../../secrets/redact.ts';
import { createUpstream } from '../create-upstream.ts';
import { jsonOf, post } from '../inbound.fixture.ts';
import { readServerDefinition } from '../server-definition.ts';
import type { Upstream } from '../upstream.ts';

const authority = createFixtureAuthority('Test Root');
const gateway = authority.issue({ commonName: 'gateway', purpose: 'client' });
const subject = 'canary-subject-token-of-ann';
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
const idJag = 'urn:ietf:params:oauth:token-type:id-jag';
const opened = new AsyncDisposableStack();

const legacyServer = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 'billing', version: '1' },
};

/** What the authorization server was asked, and what it answers. */
interface Asked {
  readonly form: URLSearchParams;
  readonly authorization: string | undefined;
  readonly certificate: string | null;
}
type Answer = { readonly status?: number; readonly body: Json | string; readonly wait?: Promise<void> };

let folder: string;
let issuer: string;
let serverUrl: string;
let asked: Asked[] = [];
let answer: (asked: Asked) => Answer;
/** The headers of every request that reached the MCP server. */
let heard: IncomingMessage['headers'][] = [];
let accepted: (token: string) => boolean;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  opened.defer(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'root.pem'), authority.certificate);
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  await writeFile(join(folder, 'key.pem'), key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const shown = authority.issue({ commonName: 'localhost', purpose: 'server' });
  const tls = { cert: shown.certificate, key: shown.key, ca: authority.certificate };
  const as = createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const peer = (request.socket as TLSSocket).getPeerX509Certificate();
      const one = {
        form: new URLSearchParams(Buffer.concat(chunks).toString()),
        authorization: request.headers.authorization,
        certificate: peer?.subject ?? null,
      };
      asked.push(one);
      const { status = 200, body, wait } = answer(one);
      await wait;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    })();
  }).listen(0, '127.0.0.1');
  const mcp = createPlainServer((request, response) => {
    heard.push(request.headers);
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.once('end', () => {
      const { id, method } = JSON.parse(text || '{}') as { id?: Json; method?: string };
      const status = accepted(request.headers.authorization ?? '') ? (id === undefined ? 202 : 200) : 401;
      const result = method === 'initialize' ? legacyServer : { resultType: 'complete', tools: [] };
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(status === 202 ? '' : JSON.stringify({ jsonrpc: '2.0', id: id ?? null, result }));
    });
  }).listen(0, '127.0.0.1');
  await Promise.all([once(as, 'listening'), once(mcp, 'listening')]);
  for (const server of [as, mcp]) {
    opened.defer(() => {
      server.closeAllConnections();
      server.close();
    });
  }
  issuer = `https://localhost:${(as.address() as AddressInfo).port}`;
  serverUrl = `http://127.0.0.1:${(mcp.address() as AddressInfo).port}/mcp`;
});

after(() => opened.disposeAsync());

function fresh(): void {
  asked = [];
  heard = [];
  accepted = () => true;
  let given = 0;
  answer = ({ form }) => {
    given += 1;
    const type = form.get('requested_token_type');
    return {
      body: {
        access_token: `canary-server-token-${given}`,
        token_type: type === idJag ? 'N_A' : 'Bearer',
        expires_in: 60,
        ...(type !== null && { issued_token_type: type }),
      },
    };
  };
}

function place(
  client: JsonObject = { method: 'secret', id: 'gate way', secret: 'env:AS_SECRET' },
): JsonObject {
  return {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    client,
    authority: join(folder, 'root.pem'),
    privateAddresses: true,
  };
}

function open(
  credential: JsonObject,
  era = 'modern',
): Upstream & {
  readonly clock: ReturnType<typeof steppedClock>;
  readonly lines: string[];
  redact(text: string): string;
} {
  fresh();
  const definition = readServerDefinition({
    name: 'billing',
    transport: 'http',
    era,
    url: serverUrl,
    credential,
  });
  const clock = steppedClock(1_795_600_000_000);
  const redactor = createRedactor();
  const lines: string[] = [];
  const upstream = createUpstream(definition, {
    clock,
    identity: () => gateway,
    environment: { AS_SECRET: 'canary-client-secret:+' },
    redactor,
    log: (line) => lines.push(line),
  });
  return Object.assign(upstream, { clock, lines, redact: redactor.redact });
}

const ask: JsonObject = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };

async function call(
  upstream: Upstream,
  caller = 'agent/a ann',
  subjectToken: string | null = subject,
): Promise<void> {
  const response = await upstream.send({ ...post('modern', ask), caller, subjectToken });
  assert.equal(response.status, 200);
  await jsonOf(response);
}

const isFault =
  (code: FaultCode) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code;

test('O5 RFC 6749 §4.4: with client credentials the server gets the token of the gateway, one for everybody', async () => {
  await using upstream = open({
    kind: 'client-credentials',
    server: place(),
    scopes: ['a', 'b'],
    resource: 'https://mcp.example/mcp',
  });
  await Promise.all([call(upstream), call(upstream, 'agent/b', null)]);
  assert.equal(asked.length, 1);
  const [{ form, authorization }] = asked as [Asked];
  assert.deepEqual(Object.fromEntries(form), {
    grant_type: 'client_credentials',
    scope: 'a b',
    resource: 'https://mcp.example/mcp',
  });
  // RFC 6749 §2.3.1: form-encoded before they are joined.
  assert.equal(
    Buffer.from(authorization?.slice('Basic '.length) ?? '', 'base64').toString(),
    'gate+way:canary-client-secret%3A%2B',
  );
  assert.ok(heard.every(({ authorization: sent }) => sent === 'Bearer canary-server-token-1'));
});

test('O5 RFC 8693 §2.1: the token of the caller is exchanged for one of the server, and never reaches the server', async () => {
  await using upstream = open({ kind: 'exchange', server: place(), scopes: ['pay'], audience: 'billing' });
  await call(upstream);
  const [{ form }] = asked as [Asked];
  assert.deepEqual(Object.fromEntries(form), {
    grant_type: exchangeGrant,
    subject_token: subject,
    subject_token_type: accessToken,
    requested_token_type: accessToken,
    audience: 'billing',
    scope: 'pay',
  });
  assert.equal(heard[0]?.authorization, 'Bearer canary-server-token-1');
  assert.ok(!JSON.stringify(heard).includes(subject));
});

test('O5 what was obtained is held for one caller and one token until it ends, and asked for once at a time', async () => {
  await using upstream = open({ kind: 'exchange', server: place() });
  await Promise.all([call(upstream), call(upstream), call(upstream)]);
  assert.equal(asked.length, 1);
  await call(upstream, 'agent/a bob');
  await call(upstream, 'agent/a ann', 'canary-other-token-of-ann');
  assert.equal(asked.length, 3);
  upstream.clock.advance(54_999);
  await call(upstream);
  assert.equal(asked.length, 3);
  upstream.clock.advance(1);
  await call(upstream);
  assert.equal(asked.length, 4);
});

test('O5 what the gateway asks by itself to bridge eras is asked with the token of the same caller, and of no other', async () => {
  await using upstream = open({ kind: 'exchange', server: place() }, 'legacy');
  await call(upstream);
  assert.ok(heard.length >= 3, 'initialize, initialized and the call');
  assert.equal(asked.length, 1);
  assert.ok(heard.every(({ authorization }) => authorization === 'Bearer canary-server-token-1'));
  await assert.rejects(call(upstream, 'agent/b', null), isFault('credential_unobtained'));
  await upstream.endCaller('agent/a');
  upstream.clock.advance(60_000);
  await assert.rejects(call(upstream, 'agent/a ann', null), isFault('credential_unobtained'));
});

test('O5 a call without a token of a person is not made where one is exchanged (law: no fallback)', async () => {
  await using upstream = open({ kind: 'exchange', server: place() });
  await assert.rejects(call(upstream, 'agent/a', null), isFault('credential_unobtained'));
  assert.deepEqual([asked.length, heard.length], [0, 0]);
});

test('O5 an ID-JAG of the identity provider is the assertion at the server’s own authorization server', async () => {
  await using upstream = open({
    kind: 'id-jag',
    provider: place({ method: 'tls', id: 'gw' }),
    server: place(),
    scopes: ['pay'],
  });
  await call(upstream);
  const [first, second] = asked.map(({ form }) => Object.fromEntries(form));
  assert.deepEqual(first, {
    grant_type: exchangeGrant,
    subject_token: subject,
    subject_token_type: accessToken,
    requested_token_type: idJag,
    audience: issuer,
    scope: 'pay',
    client_id: 'gw',
  });
  assert.deepEqual(second, {
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: 'canary-server-token-1',
    scope: 'pay',
  });
  assert.equal(heard[0]?.authorization, 'Bearer canary-server-token-2');
});

test('O5 RFC 8705 §2.1: with method tls the gateway shows its own certificate, and with others none', async () => {
  await using upstream = open({ kind: 'client-credentials', server: place({ method: 'tls', id: 'gw' }) });
  await call(upstream);
  assert.equal(asked[0]?.certificate, new X509Certificate(gateway.certificate).subject);
  assert.equal(asked[0].authorization, undefined);
  await using other = open({ kind: 'client-credentials', server: place() });
  await call(other);
  assert.equal(asked[0]?.certificate, null);
});

test('O5 RFC 7523 §3: a client assertion is for the issuer alone, new each time, and lives a minute', async () => {
  const client = { method: 'private-key-jwt', id: 'gw', key: `file:${join(folder, 'key.pem')}` };
  await using upstream = open({ kind: 'exchange', server: place(client) });
  await call(upstream);
  await call(upstream, 'agent/b ann');
  const assertions = asked.map(({ form }) => form.get('client_assertion') ?? '');
  const [claims, other] = assertions.map((jwt) => decodeJwt(jwt));
  assert.deepEqual([claims?.iss, claims?.sub, claims?.aud], ['gw', 'gw', issuer]);
  assert.equal((claims?.exp ?? 0) - (claims?.iat ?? 0), 60);
  assert.notEqual(claims?.jti, other?.jti);
  assert.equal(decodeProtectedHeader(assertions[0] ?? '').alg, 'ES256');
});

test('O5 RFC 6750 §3.1: a token that the server does not take is replaced once, and then it is a failure', async () => {
  await using upstream = open({ kind: 'exchange', server: place() });
  await call(upstream);
  accepted = (sent) => sent !== 'Bearer canary-server-token-1';
  await Promise.all([call(upstream), call(upstream)]);
  assert.equal(asked.length, 2);
  accepted = () => false;
  const before = heard.length;
  await assert.rejects(call(upstream), isFault('upstream_failed'));
  assert.equal(heard.length, before + 2);
});

test('S1 RFC 6749 §5.2: a client secret that the authorization server does not take is read again once', async () => {
  const secret = join(folder, 'client-secret');
  await writeFile(secret, 'canary-old-secret', { mode: 0o600 });
  await using upstream = open({
    kind: 'exchange',
    server: place({ method: 'secret', id: 'gw', secret: `file:${secret}` }),
  });
  const given = answer;
  const takes = (text: string): void => {
    answer = (one) =>
      Buffer.from(one.authorization?.slice('Basic '.length) ?? '', 'base64').toString() === `gw:${text}`
        ? given(one)
        : { status: 401, body: { error: 'invalid_client' } };
  };
  takes('canary-old-secret');
  await call(upstream);
  await writeFile(secret, 'canary-new-secret');
  takes('canary-new-secret');
  await call(upstream, 'agent/a bob');
  assert.equal(asked.length, 3);
  takes('canary-of-nobody');
  await assert.rejects(call(upstream, 'agent/a carl'), isFault('credential_unobtained'));
  assert.equal(asked.length, 4);
});

/** Whatever the authorization server may do instead of giving a token. */
const failures: Readonly<Record<string, () => Answer>> = {
  'refuses (RFC 6749 §5.2)': () => ({
    status: 400,
    body: { error: 'invalid_grant', error_description: subject },
  }),
  'is at its end': () => ({ status: 503, body: '' }),
  redirects: () => ({ status: 302, body: '{}' }),
  'answers with no JSON': () => ({ body: '<html>' }),
  'answers with too much': () => ({ body: `"${'x'.repeat(70_000)}"` }),
  'gives no token': () => ({ body: { token_type: 'Bearer' } }),
  'gives a token that could add a header': () => ({ body: token({ access_token: 'a\r\nx: y' }) }),
  'gives no type of token': () => ({ body: token({ token_type: null }) }),
  'gives a token bound to a key (RFC 9449)': () => ({ body: token({ token_type: 'DPoP' }) }),
  'gives a token of another kind (RFC 8693 §2.2.1)': () => ({ body: token({ issued_token_type: idJag }) }),
  'gives a token without its kind (RFC 8693 §2.2.1)': () => ({ body: token({ issued_token_type: null }) }),
  'gives a token that has ended': () => ({ body: token({ expires_in: 0 }) }),
};

for (const [what, failing] of Object.entries(failures)) {
  test(`O5 an authorization server that ${what} fails the call: nothing is sent to the server, and no secret is told`, async () => {
    await using upstream = open({ kind: 'exchange', server: place() });
    answer = failing;
    const fault: unknown = await call(upstream).catch((error: unknown) => error);
    assert.ok(fault instanceof Fault && fault.code === 'credential_unobtained');
    assert.equal(heard.length, 0);
    assert.ok(!`${fault.message}${upstream.lines.join()}`.includes('canary'));
    fresh();
    await call(upstream);
  });
}

test('O5 an authorization server that cannot be reached, or is not at a public address as it should be, fails the call', async () => {
  for (const changes of [
    { tokenEndpoint: 'https://localhost:1/token' },
    { privateAddresses: false },
    { authority: null },
  ]) {
    await using upstream = open({ kind: 'client-credentials', server: { ...place(), ...changes } });
    await assert.rejects(call(upstream), isFault('credential_unobtained'));
    assert.deepEqual([asked.length, heard.length], [0, 0]);
  }
});

test('O5 every secret, assertion and token is cut out of what leaves', async () => {
  await using upstream = open({ kind: 'exchange', server: place() });
  await call(upstream);
  const basic = asked[0]?.authorization?.slice('Basic '.length) ?? '';
  for (const secret of ['canary-client-secret:+', basic, 'canary-server-token-1']) {
    assert.ok(!upstream.redact(`a ${secret} b`).includes(secret), secret);
  }
});

for (const [what, changes] of Object.entries<(credential: JsonObject) => Json>({
  'passes the token of the caller on': () => ({ kind: 'passthrough' }),
  'has a secret in plain text': (credential) => ({
    ...credential,
    server: place({ method: 'secret', id: 'gw', secret: 'hunter22' }),
  }),
  'asks over plain HTTP': (credential) => ({
    ...credential,
    server: { ...place(), tokenEndpoint: 'http://as/token' },
  }),
  'has an unknown member': (credential) => ({ ...credential, audiences: [] }),
  'has no client': (credential) => ({ ...credential, server: { issuer, tokenEndpoint: issuer } }),
  'has a scope with a space': (credential) => ({ ...credential, scopes: ['a b'] }),
})) {
  test(`O5 a definition that ${what} is refused`, () => {
    const credential = changes({ kind: 'exchange', server: place() });
    const definition = { name: 'x', transport: 'http', era: 'modern', url: serverUrl, credential };
    assert.throws(() => readServerDefinition(definition), isFault('invalid_input'));
  });
}

test('O5 a definition is read as it was written, and what would make two credentials or a call for nobody is refused', () => {
  const credential = { kind: 'exchange', server: place(), audience: null, scopes: [], resource: null };
  const definition = { name: 'x', transport: 'http', era: 'legacy', url: serverUrl, credential };
  const read = readServerDefinition(definition);
  assert.deepEqual(readServerDefinition(JSON.parse(JSON.stringify(read)) as Json), read);
  for (const wrong of [
    { ...definition, era: 'auto' },
    { ...definition, headers: { Authorization: 'env:X' } },
  ]) {
    assert.throws(() => readServerDefinition(wrong), isFault('invalid_input'));
  }
});

function token(changes: JsonObject): JsonObject {
  const whole: JsonObject = {
    access_token: 'canary-server-token-9',
    token_type: 'Bearer',
    expires_in: 60,
    issued_token_type: accessToken,
    ...changes,
  };
  return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== null));
}
