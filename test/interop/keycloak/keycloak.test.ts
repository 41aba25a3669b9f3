import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import { startBridge } from '../../../src/bridge/bridge.ts';
import type { SignInSettings } from '../../../src/bridge/oauth/sign-in.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { randomId } from '../../../src/kernel/random.ts';
import { openRecordedServer, type RecordedServer } from '../../attacks/recorded-server.ts';
import { runGuide } from '../../guides/run-guide.ts';
import { openTown, type Presentable, type Town, until } from '../../journeys/deployment.ts';
import { logInAs, type PersonAtBrowser } from '../../journeys/log-in-as.ts';
import { call } from '../../journeys/token-town.ts';
import { openChromium } from '../../journeys/chromium.ts';
import { mutualFetch } from '../../journeys/mcp-clients.ts';
import { openBrowser } from '../../journeys/person-browser.ts';
import { missingKeycloak } from './keycloak-home.ts';
import { type Keycloak, startKeycloak } from './start-keycloak.ts';

// One Keycloak for all of it: its start costs most of what these tests do.
describe('at a real Keycloak', { skip: missingKeycloak() }, () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let server: RecordedServer;
  let keycloak: Keycloak;
  let folder = '';
  const secret = randomId();
  const agents = new Map<string, Presentable>();

  const pages = (): string => `https://localhost:${town.deployment.listeners['people']?.port}`;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-keycloak-'));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    [town, server] = await Promise.all([openTown(), openRecordedServer()]);
    opened.use(town);
    opened.use(server);
    await town.addHttpServer('files', server.url);
    await town.permit('permit (principal, action, resource);');
    keycloak = opened.use(
      await startKeycloak(town, folder, {
        MCP_RESOURCE: town.endpoint('files'),
        MCP_SERVER_SECRET: secret,
        MCP_SERVER_CALLBACK: `${pages()}/upstream/callback`,
        MCP_SERVER_LOGOUT: `${pages()}/upstream/logout`,
      }),
    );
  });
  after(() => opened.disposeAsync());

  describe('I3 a person who logs in', () => {
    let person: PersonAtBrowser;

    before(async () => {
      const browser = opened.use(openBrowser(keycloak.roots));
      person = { browser, typed: { username: 'alice', password: 'any' }, state: folder };
      const file = `providers:
  - name: company
    issuer: ${keycloak.issuer('staff')}
    client: countersign
    scopes: [email]
    ca: ${keycloak.rootsFile}
    privateAddresses: true
    members: [staff]
    rules:
      - groups: [engineering]
        gives: [builder]
`;
      await writeFile(town.data.people, file);
    });

    test('gets a certificate with a browser, and the roles of their groups', async () => {
      const { agent } = await logInAs(person, town);
      const record = await town.deployment.authority.store.agents.find(agent);
      assert.deepEqual([record?.owner, record?.roles], ['alice@example.com', ['builder']]);
    });

    test('gets one on another machine, for Keycloak keeps the nonce in the device flow', async () => {
      const pause = (milliseconds: number): Promise<void> => wait(milliseconds);
      const { agent } = await logInAs(person, town, { way: 'device', agent: 'alice-box', pause });
      assert.equal(agent, 'alice-box');
    });

    test('I7 has to authenticate anew once they are revoked, for Keycloak says when they did', async () => {
      const { revocations } = town.deployment.authority;
      await revocations.person('alice@example.com', { reason: 'laptop stolen', actor: 'test' });
      await assert.rejects(logInAs(person, town), /was revoked.*--again/);
      await wait(1_000 - (Date.now() % 1_000));
      assert.equal((await logInAs(person, town, { again: true })).agent, 'alice');
    });
  });

  test('O4 the commands of the guide to direct tokens do what it says: a bound token counts, and not for another certificate', async () => {
    const place = async (name: string): Promise<string> => {
      await town.addAgent(name);
      const at = join(folder, name);
      await mkdir(at);
      const issued = await town.issue(name);
      agents.set(name, issued);
      const { cert, key, ca } = issued;
      await writeFile(join(at, 'certificate.pem'), cert);
      await writeFile(join(at, 'key.pem'), key, { mode: 0o600 });
      await writeFile(join(at, 'roots.pem'), ca);
      return at;
    };
    const environment = {
      GATEWAY: town.gateway.agents.url,
      FOLDER: town.data.folder,
      SSO: keycloak.issuer('agents'),
      SSO_CA: keycloak.rootsFile,
      AGENT: await place('ci-bot'),
      THIEF: await place('thief'),
    };
    await runGuide('tokens-direct', environment, async ({ code, said }) => {
      const last = (await town.events()).at(-1);
      assert.equal(code, 0, `${said}\nThe last record of the gateway: ${JSON.stringify(last)}`);
    });
    const record = (await town.events()).filter(({ type }) => type === 'call.permitted').at(-1);
    assert.deepEqual(
      ['issuer', 'person', 'client', 'binding'].map((name) => record?.[name]),
      ['keycloak', 'keycloak:service-account-ci-bot', 'ci-bot', 'mtls'],
    );
  });

  /** A bridge of `ci-bot` that gets its tokens at Keycloak. */
  const startAt = (
    settings: Pick<SignInSettings, 'way'> & { readonly client: string },
    state: string,
    showPage: (url: string) => void,
  ) => {
    const at = (name: string): string => join(folder, 'ci-bot', name);
    const lines: string[] = [];
    const signIn = {
      settings: {
        way: settings.way,
        issuer: keycloak.issuer('agents'),
        scopes: ['files:read'],
        client: { configured: { id: settings.client, secret: null }, document: null, register: false },
      },
      callbackPort: null,
      hasBrowser: settings.way === 'browser',
      showPage,
      showCode: () => undefined,
    } as const;
    const bridge = startBridge({
      gateway: town.endpoint('files'),
      authority: town.authorityUrl,
      agent: 'ci-bot',
      joinToken: null,
      authorityFile: null,
      rootFingerprint: null,
      stateFolder: join(folder, state),
      environment: {
        MCP_CLIENT_CERT: at('certificate.pem'),
        MCP_CLIENT_KEY: at('key.pem'),
        MCP_CA_CERT: at('roots.pem'),
      },
      signIn,
      face: { kind: 'http', port: 0 },
      clock: systemClock,
      log: (line) => lines.push(line),
    });
    return { bridge, lines };
  };
  /** What a client begins with, through a bridge; what the gateway recorded of it. */
  const beginThrough = async ({ bridge, lines }: ReturnType<typeof startAt>) => {
    const { face } = await bridge;
    const before = (await town.events()).length;
    const answer = await fetch(face.kind === 'http' ? face.url : '', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: 'through a bridge', version: '1' },
        },
      }),
    });
    assert.equal(answer.status, 200, `${await answer.text()} ${lines.join('\n')}`);
    return (await town.events()).slice(before).find(({ type }) => type === 'call.permitted');
  };

  test('O4 RFC 8705 the bridge shows Keycloak the certificate of its agent, and what it gets is bound to that', async () => {
    const started = startAt({ way: 'client-credentials', client: 'ci-bot' }, 'bridge', () => undefined);
    await using _bridge = await started.bridge;
    const permitted = await beginThrough(started);
    assert.deepEqual(
      ['issuer', 'client', 'binding', 'agent'].map((name) => permitted?.[name]),
      ['keycloak', 'ci-bot', 'mtls', 'ci-bot'],
    );
  });

  test('O4 RFC 8705 a person signs in at Keycloak through the bridge, in a real browser, and their token is bound to the certificate of the agent', async () => {
    await using page = await openChromium(town.deployment.authority.issuer.certificate.spki);
    const visited: Promise<void>[] = [];
    const visit = async (url: string): Promise<void> => {
      await page.open(url);
      await page.type('#username', 'ann');
      await page.type('#password', 'any');
      await page.click('#kc-login');
    };
    const started = startAt({ way: 'browser', client: 'bridge' }, 'person', (url) => {
      visited.push(visit(url));
    });
    await using _bridge = await started.bridge;
    const permitted = await beginThrough(started);
    await Promise.all(visited);
    assert.equal(visited.length, 1);
    assert.deepEqual(
      ['issuer', 'client', 'binding', 'agent', 'person'].map((name) => permitted?.[name]),
      ['keycloak', 'bridge', 'mtls', 'ci-bot', 'keycloak:ann'],
    );
  });

  test('O5 the token of an agent is exchanged at Keycloak for one that the server gets, and stays behind the gateway', async () => {
    const agent = agents.get('ci-bot');
    assert.ok(agent, 'the guide has made it');
    const tokenEndpoint = `${keycloak.issuer('agents')}/protocol/openid-connect/token`;
    await writeFile(join(folder, 'secret'), secret, { mode: 0o600 });
    await town.deployment.authority.removeServer('files');
    await town.addServer({
      name: 'files',
      transport: 'http',
      era: 'legacy',
      url: server.url,
      credential: {
        kind: 'exchange',
        server: {
          issuer: keycloak.issuer('agents'),
          tokenEndpoint,
          client: { method: 'secret', id: 'mcp-server', secret: `file:${join(folder, 'secret')}` },
          authority: keycloak.rootsFile,
          privateAddresses: true,
        },
      },
    });
    // Keycloak exchanges no token that is bound to the certificate of another client.
    const before = town.gateway.view.tokenRules();
    await writeFile(
      join(town.data.policies, 'tokens.yaml'),
      `issuers:
  - name: keycloak
    issuer: ${keycloak.issuer('agents')}
    type: JWT
    algorithms: [RS256]
    audience: among
    ca: |
${keycloak.roots.trim().replaceAll(/^/gm, '      ')}
    privateAddresses: true
    pairs:
      - { clients: [desk], agents: [ci-bot] }
servers:
  files: { binding: paired, issuers: [keycloak], scopes: ["files:read"] }
`,
    );
    await until(() => town.gateway.view.tokenRules() !== before);
    const form = { grant_type: 'client_credentials', client_id: 'desk', scope: 'files:read' };
    const { json } = await call(tokenEndpoint, form, { as: agent, ca: keycloak.roots });
    const token = String(json['access_token']);
    await using fetch = mutualFetch(agent);
    const answer = await fetch(town.endpoint('files'), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${token}`,
      },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{}}}',
    });
    assert.equal(answer.status, 200, await answer.text());
    const given = server.seen.at(-1)?.headers.authorization?.replace(/^Bearer /, '') ?? '';
    assert.notEqual(given, token);
    const { azp, preferred_username } = decodeJwt(given);
    assert.deepEqual([azp, preferred_username], ['mcp-server', 'service-account-desk']);
  });

  test('O3 a person signs in at Keycloak in a real browser and agrees here; its logout ends what they gave', async () => {
    const issuer = keycloak.issuer('agents');
    await writeFile(join(folder, 'secret'), secret, { mode: 0o600 });
    await writeFile(
      town.data.people,
      `providers:
  - name: keycloak
    issuer: ${issuer}
    client: countersign
    scopes: [email]
    ca: ${keycloak.rootsFile}
    privateAddresses: true
    members: [engineering]
    pages: { client: mcp-server, secret: "file:${join(folder, 'secret')}" }
    rules:
      - groups: [engineering]
        scopes: [mcp]
`,
    );
    await town.addAgent('helper');
    const as = await town.issue('helper');
    const client = 'spiffe://example.internal/agent/helper';
    const redirect = 'http://127.0.0.1:9/callback';
    const verifier = 'v'.repeat(43);
    const resource = town.endpoint('files');
    const request = new URLSearchParams({
      client_id: client,
      response_type: 'code',
      redirect_uri: redirect,
      scope: 'mcp',
      resource,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    await using page = await openChromium(town.deployment.authority.issuer.certificate.spki);
    await page.open(`${pages()}/authorize?${request.toString()}`);
    await page.click('a[href^="/upstream/begin"]');
    await page.type('#username', 'ann');
    await page.type('#password', 'any');
    await page.click('#kc-login');
    await page.click('button[value="allow"]');
    const back = new URL(await page.landing(redirect));
    const token = (form: Record<string, string>): ReturnType<typeof call> =>
      call(`${town.authorityUrl}/token`, { client_id: client, resource, ...form }, { as, ca: as.ca });
    const { status, json, text } = await token({
      grant_type: 'authorization_code',
      code: back.searchParams.get('code') ?? '',
      redirect_uri: redirect,
      code_verifier: verifier,
    });
    assert.equal(status, 200, text);
    const { iss, sub, act, cnf } = decodeJwt(String(json['access_token']));
    assert.deepEqual([iss, sub, act], [town.authorityUrl, 'ann@example.com', { sub: client }]);
    assert.deepEqual(Object.keys(cnf as object), ['x5t#S256']);

    await page.open(`${issuer}/protocol/openid-connect/logout`);
    await page.click('#kc-logout');
    await page.find(`document.querySelector('#kc-logout') ? null : document.body.innerText`);
    const again = await token({ grant_type: 'refresh_token', refresh_token: String(json['refresh_token']) });
    assert.equal(again.json['error'], 'invalid_grant');
  });
});
