import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { systemClock } from '../../kernel/clock.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { answerLegacy, answerJson, openSession, setStage, type Stage } from '../bridge.fixture.ts';
import { signOutOfGateway } from '../sign-out.ts';
import { createFixtureIssuer, type FixtureIssuer, tokenTrouble } from './issuer.fixture.ts';
import { challengeOf, openElsewhere } from './oauth-town.fixture.ts';
import type { SignInOptions } from './open-tokens.ts';
import { createClient } from '../../http/fetch.ts';

const wellKnown = '/.well-known/oauth-protected-resource/mcp/files';

/** A gateway whose server wants tokens that are bound to the certificate, and the authority that gives them. */
async function setTokenStage(): Promise<{
  readonly stage: Stage;
  readonly issuer: FixtureIssuer;
  readonly pages: string[];
  readonly metadata: { issuers: string[] };
  /** The tokens of another authorization server are taken from now on. */
  takes(issuer: FixtureIssuer): void;
  /** What was wrong with tokens, in order. */
  readonly troubles: string[];
  signIn(way?: SignInOptions['settings']['way'], issuer?: string): SignInOptions;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const stage = await setStage();
  const issuer = createFixtureIssuer(stage.authority.url);
  stage.authority.also = async (exchange) =>
    exchange.path.startsWith('/v1/') ? false : await issuer.handle(exchange);
  const resource = `${stage.gateway.url}/mcp/files`;
  const troubles: string[] = [];
  let taken = issuer;
  const metadata = { issuers: [stage.authority.url] };
  stage.answer = async (seen) => {
    const { exchange } = seen;
    if (exchange.path === wellKnown) {
      stage.seen.pop();
      return await answerJson(exchange, { resource, authorization_servers: metadata.issuers });
    }
    const trouble = tokenTrouble(exchange, taken, { resource, scopes: [], bound: true });
    if (trouble === null) return await answerLegacy(seen);
    troubles.push(trouble);
    const error = trouble === 'none' ? {} : { error: trouble };
    const parameters = { ...error, resource_metadata: `${stage.gateway.url}${wellKnown}` };
    await exchange.respond(401, { 'www-authenticate': challengeOf(parameters) });
  };
  const http = createClient({ tls: { authorities: stage.authority.root }, addressGuard: 'any' });
  const pages: string[] = [];
  const visit = async (url: string): Promise<void> => {
    const { headers } = await http.request({ method: 'GET', url });
    await http.request({ method: 'GET', url: headers['location'] ?? '' });
  };
  return {
    stage,
    issuer,
    pages,
    metadata,
    troubles,
    takes: (other) => (taken = other),
    signIn: (way = 'auto', chosen) => ({
      settings: {
        way,
        issuer: chosen ?? null,
        scopes: [],
        client: { configured: null, document: null, register: false },
      },
      callbackPort: null,
      hasBrowser: true,
      showPage(url) {
        pages.push(url);
        void visit(url).catch(() => undefined);
      },
      showCode: () => undefined,
    }),
    async [Symbol.asyncDispose]() {
      await http.close();
      await stage[Symbol.asyncDispose]();
    },
  };
}

/** The same with a client that was registered without a secret. */
function withClient(options: SignInOptions): SignInOptions {
  const { settings } = options;
  const configured = { id: 'bridge', secret: null };
  return { ...options, settings: { ...settings, client: { ...settings.client, configured } } };
}

test('O2 RFC 8705 §2.1 at its own authority the agent is its SPIFFE ID, and its certificate pushes, redeems and binds', async () => {
  await using set = await setTokenStage();
  const { stage, issuer, pages } = set;
  const client = await stage.connect({ signIn: set.signIn() });
  await openSession(client);
  client.send({ id: 1, method: 'tools/list' });
  assert.ok((await client.answerTo(1))['result']);
  const [page] = pages.map((url) => [...new URL(url).searchParams.keys()]);
  assert.deepEqual(page, ['client_id', 'request_uri']);
  const own = stage.authority.issued.at(-1)?.der ?? new Uint8Array();
  for (const path of ['/par', '/token']) {
    const asked = issuer.requests.find((one) => one.path === path);
    assert.equal(asked?.parameters['client_id'], 'spiffe://example.internal/agent/ci-bot');
    assert.deepEqual(Buffer.from(asked?.certificate ?? []), Buffer.from(own), path);
  }
  assert.deepEqual(set.troubles, ['none']);
});

test('O1 RFC 8705 §3 after a renewal the next token is bound to the new certificate, and no call fails', async () => {
  await using set = await setTokenStage();
  const { stage, issuer } = set;
  const file = (name: string): string => join(stage.folder, name);
  const put = async (): Promise<void> => {
    const { certificate, key } = stage.authority.agent('ci-bot');
    await writeFile(file('k.pem'), key, { mode: 0o600 });
    await writeFile(file('c.pem'), certificate);
  };
  await put();
  await writeFile(file('r.pem'), stage.authority.root);
  const environment = {
    MCP_CLIENT_CERT: file('c.pem'),
    MCP_CLIENT_KEY: file('k.pem'),
    MCP_CA_CERT: file('r.pem'),
  };
  const client = await stage.connect({ environment, joinToken: null, agent: null, signIn: set.signIn() });
  await openSession(client);
  await put();
  for (const id of [1, 2]) {
    client.send({ id, method: 'tools/list' });
    assert.ok((await client.answerTo(id))['result']);
  }
  const tokens = issuer.requests.filter(({ path }) => path === '/token');
  assert.deepEqual(
    tokens.map(({ parameters }) => parameters['grant_type']),
    ['authorization_code', 'refresh_token'],
  );
  const serials = tokens.map(({ certificate }) => readCertificate(certificate ?? new Uint8Array()).serial);
  assert.deepEqual(
    serials,
    stage.authority.issued.map(({ serial }) => serial),
  );
  assert.equal(set.pages.length, 1);
  // No request was made with a token that the new certificate has no part in.
  assert.deepEqual(set.troubles, ['none']);
});

test('O6 client credentials by certificate ask nobody', async () => {
  await using set = await setTokenStage();
  const client = await set.stage.connect({ signIn: set.signIn('client-credentials') });
  client.send({ id: 1, method: 'tools/list' });
  assert.ok((await client.answerTo(1))['result']);
  assert.equal(set.pages.length, 0);
  const { parameters } = set.issuer.requests.find(({ path }) => path === '/token') ?? {};
  assert.equal(parameters?.['grant_type'], 'client_credentials');
  assert.equal(parameters?.['client_id'], 'spiffe://example.internal/agent/ci-bot');
});

test('law 10 an authorization server that is not our authority sees no certificate unless it binds tokens to it, and one inside is not asked at all', async () => {
  await using set = await setTokenStage();
  const { authority } = set.stage;
  const other = createFixtureIssuer('');
  other.metadata = { token_endpoint_auth_methods_supported: ['none'] };
  await using elsewhere = new AsyncDisposableStack();
  const listener = await openElsewhere(authority, async (exchange) => {
    if (!(await other.handle(exchange))) await exchange.respond(404, {});
  });
  elsewhere.defer(() => listener.close());
  other.issuer = listener.url;
  set.metadata.issuers = [other.issuer];
  const call = async (signIn: SignInOptions): Promise<JsonObject> => {
    const client = await set.stage.connect({ signIn });
    client.send({ id: 1, method: 'tools/list' });
    return (await client.answerTo(1))['error'] as JsonObject;
  };
  const inside = await call(set.signIn());
  assert.equal((inside['data'] as JsonObject)['code'], 'address_refused');
  assert.match(JSON.stringify(inside), /only the authority of --authority/);
  assert.equal(other.requests.length, 0);
  const named = await call(set.signIn('auto', other.issuer));
  assert.match(JSON.stringify(named), /knows no client of ours/);
  await call(withClient(set.signIn('auto', other.issuer)));
  assert.ok(other.requests.some(({ path }) => path === '/token'));
  assert.ok(other.requests.length > 0 && other.requests.every(({ certificate }) => certificate === null));
});

test('O4 RFC 8705 §5 an authorization server that binds tokens to certificates sees ours, at the endpoints that it has for that, and knows its client by it', async () => {
  await using set = await setTokenStage();
  const other = createFixtureIssuer('');
  await using elsewhere = new AsyncDisposableStack();
  const listener = await openElsewhere(set.stage.authority, async (exchange) => {
    if (!(await other.handle(exchange))) await exchange.respond(404, {});
  });
  elsewhere.defer(() => listener.close());
  other.issuer = listener.url;
  other.metadata = {
    token_endpoint: `${listener.url}/for-others`,
    tls_client_certificate_bound_access_tokens: true,
    mtls_endpoint_aliases: { token_endpoint: `${listener.url}/token` },
  };
  set.metadata.issuers = [other.issuer];
  set.takes(other);
  for (const way of ['auto', 'client-credentials'] as const) {
    const client = await set.stage.connect({ signIn: withClient(set.signIn(way, other.issuer)) });
    await openSession(client);
  }
  const own = set.stage.authority.agent('ci-bot').certificate;
  const asked = other.requests.filter(({ path }) => path === '/token');
  assert.deepEqual(
    asked.map(({ parameters, authorization }) => [parameters['client_id'], authorization]),
    [
      ['bridge', null],
      ['bridge', null],
    ],
  );
  assert.ok(asked.every(({ certificate }) => certificate !== null && own.length > 0));
  const [first] = other.requests;
  assert.equal(first?.certificate, null, 'before it said that it binds tokens');
  assert.ok(set.pages.length === 1 && set.pages[0]?.startsWith(`${listener.url}/authorize?`));

  for (const alias of ['http://evil.example/token', 7]) {
    other.metadata['mtls_endpoint_aliases'] = { token_endpoint: alias };
    const before = other.requests.length;
    const client = await set.stage.connect({
      signIn: withClient(set.signIn('client-credentials', other.issuer)),
    });
    client.send({ id: 1, method: 'tools/list' });
    assert.match(JSON.stringify((await client.answerTo(1))['error']), /sign_in_failed/);
    assert.ok(other.requests.slice(before).every(({ path }) => path.startsWith('/.well-known/')));
  }
});

test('a server that wants no token is asked for none, and without sign-in a refusal is passed on', async () => {
  await using set = await setTokenStage();
  const bare = await set.stage.connect();
  bare.send({ id: 1, method: 'tools/list' });
  assert.ok((await bare.answerTo(1))['error']);
  set.stage.answer = answerLegacy;
  const client = await set.stage.connect({ signIn: set.signIn(), joinToken: null });
  client.send({ id: 1, method: 'tools/list' });
  assert.ok((await client.answerTo(1))['result']);
  assert.equal(set.issuer.requests.length, 0);
});

test('RFC 7009 §2 signing out ends the sign-in at its issuer, forgets it, and a bridge that runs drops its token', async () => {
  await using set = await setTokenStage();
  const { stage, issuer } = set;
  let passed = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + passed };
  const client = await stage.connect({ signIn: set.signIn(), clock });
  await openSession(client);
  const folder = join(stage.folder, 'state');
  const kept = async (): Promise<readonly string[]> =>
    (await readdir(folder)).filter((name) => /^sign-in-[^.]+$/.test(name));
  assert.equal((await kept()).length, 1);
  const options = {
    gateway: `${stage.gateway.url}/mcp/files`,
    authority: stage.authority.url,
    agent: 'ci-bot',
    stateFolder: folder,
    environment: {},
    rootsFile: null,
    clock: systemClock,
  };
  assert.deepEqual(await signOutOfGateway(options), { kind: 'ended', issuer: stage.authority.url });
  assert.deepEqual([issuer.refreshTokens.size, await kept()], [0, []]);
  assert.deepEqual(await signOutOfGateway(options), { kind: 'none' });
  passed = 2_000;
  client.send({ id: 1, method: 'tools/list' });
  assert.ok((await client.answerTo(1))['result']);
  assert.equal(set.pages.length, 2);
});
