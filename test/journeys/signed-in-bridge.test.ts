import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
  UnauthorizedError as ModernUnauthorized,
} from '@modelcontextprotocol/client';
import { UnauthorizedError as LegacyUnauthorized } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { decodeJwt } from 'jose';
import { startBridge } from '../../src/bridge/bridge.ts';
import type { SignInSettings } from '../../src/bridge/oauth/sign-in.ts';
import { signOutOfGateway } from '../../src/bridge/sign-out.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { openTown, type Presentable, type Town } from './deployment.ts';
import { freshAuthority } from './fresh-authority.ts';
import { mutualFetch, textOf } from './mcp-clients.ts';
import type { PasskeyBrowser } from './people-town.ts';
import { personWithPasskey, sayYes, typeCode, wantTokens } from './say-yes.ts';
import { sdkServers } from './sdk-servers.ts';

const agent = 'helper';
const redirect = 'http://127.0.0.1:49152/callback';
const serverName = 'v2-http-sessions';

describe('O1, O2, O6 a server behind our gateway that wants tokens, reached by a bridge and by the official SDKs', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let folder: string;
  let joinToken: string;
  let document: string;
  let bob: PasskeyBrowser;
  let shown: Presentable;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-'));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    const clientAuthorities = join(await freshAuthority(), 'root.pem');
    const tokens = { clientAddresses: ['loopback'], clientAuthorities };
    town = opened.use(await openTown({}, { authority: { tokens } }));
    const server = sdkServers.find(({ name }) => name === serverName);
    if (!server) throw new Error('there is no such server');
    opened.use(await server.open(town));
    await town.addAgent(agent);
    await town.permit('permit (principal, action, resource);');
    await wantTokens(town, serverName);
    const order = { name: agent, kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
    joinToken = (await town.deployment.authority.createJoinToken(order, 'test')).token;
    await town.addAgent('laptop');
    shown = await town.issue('laptop');
    document = await publish();
    bob = opened.use(await personWithPasskey(town, 'bob'));
  });
  after(() => opened.disposeAsync());

  const gateway = (): string => town.endpoint(serverName);
  const bridgeFor = async (
    way: SignInSettings['way'],
    visit: (url: string) => Promise<void>,
    showCode: (page: { url: string; code: string }) => void = () => assert.fail('no code was to be shown'),
  ) => {
    const log: string[] = [];
    const bridge = await startBridge({
      gateway: gateway(),
      authority: town.authorityUrl,
      agent,
      joinToken,
      authorityFile: null,
      rootFingerprint: town.deployment.authority.describe().rootFingerprint,
      stateFolder: join(folder, 'state'),
      environment: {},
      signIn: {
        settings: {
          way,
          issuer: null,
          scopes: [],
          client: { configured: null, document: null, register: false },
        },
        callbackPort: null,
        hasBrowser: true,
        showPage: (url) => void visit(url).catch((error: unknown) => log.push(String(error))),
        showCode,
      },
      face: { kind: 'http', port: 0 },
      clock: systemClock,
      log: (line) => log.push(line),
    });
    const url = bridge.face.kind === 'http' ? bridge.face.url : '';
    return { url, log, [Symbol.asyncDispose]: () => bridge[Symbol.asyncDispose]() };
  };
  const useTools = async (url: string): Promise<void> => {
    const client = new ModernClient({ name: 'test', version: '1' });
    await client.connect(new ModernTransport(new URL(url)));
    const { tools } = await client.listTools();
    assert.ok(tools.some(({ name }) => name === 'echo'));
    await client.callTool({ name: 'echo', arguments: { message: 'certificates, not keys' } });
    await client.close();
  };
  const lastPermit = async () => (await town.events()).findLast(({ type }) => type === 'call.permitted');

  test('O6 without a person the certificate gets the token, and the log says which', async () => {
    await using bridge = await bridgeFor('client-credentials', () => Promise.reject(new Error('asked')));
    await useTools(bridge.url);
    const permit = await lastPermit();
    assert.deepEqual(
      ['agent', 'client', 'binding', 'issuer'].map((name) => permit?.[name]),
      [agent, `spiffe://example.internal/agent/${agent}`, 'mtls', 'countersign'],
    );
    assert.deepEqual(
      bridge.log.filter((line) => /asked|[Nn]o sign-in/.test(line)),
      [],
    );
  });

  test('O2 a person signs in with a passkey and says yes, and the agent acts for them until they sign out', async () => {
    const browser = opened.use(await personWithPasskey(town, 'alice'));
    let pages = 0;
    const visit = async (url: string): Promise<void> => {
      pages++;
      await fetch(await sayYes(browser, url));
    };
    {
      await using bridge = await bridgeFor('browser', visit);
      await useTools(bridge.url);
    }
    assert.match(String((await lastPermit())?.['person']), /alice/);
    await using again = await bridgeFor('browser', visit);
    await useTools(again.url);
    assert.equal(pages, 1, 'the sign-in outlives the bridge');
    const at = {
      gateway: gateway(),
      authority: town.authorityUrl,
      agent,
      stateFolder: join(folder, 'state'),
    };
    const ended = await signOutOfGateway({ ...at, environment: {}, rootsFile: null, clock: systemClock });
    assert.deepEqual(ended, { kind: 'ended', issuer: town.authorityUrl });
  });

  test('O2 RFC 8628 where no browser is, the person types the code that the bridge shows into one elsewhere, and the agent acts for them', async () => {
    const carol = opened.use(await personWithPasskey(town, 'carol'));
    const shown: { url: string; code: string }[] = [];
    const typed: Promise<void>[] = [];
    const showCode = (page: { url: string; code: string }): void => {
      shown.push(page);
      typed.push(typeCode(carol, page));
    };
    await using bridge = await bridgeFor('device', () => Promise.reject(new Error('no browser')), showCode);
    await useTools(bridge.url);
    await Promise.all(typed);
    assert.equal(shown.length, 1);
    assert.equal(shown[0]?.url, `${carol.origin}/device`);
    const permit = await lastPermit();
    assert.match(String(permit?.['person']), /carol/);
    assert.equal(permit?.['binding'], 'mtls');
    assert.deepEqual(
      bridge.log.filter((line) => line.includes(shown[0]?.code ?? '')),
      [],
      'who reads the log cannot type it first',
    );
  });

  /** The document of a client, at an https URL. */
  const publish = async (): Promise<string> => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'documents' }));
    const order = {
      name: 'documents',
      kind: 'server',
      csr,
      dnsNames: ['localhost'],
      ipAddresses: [],
    } as const;
    const { certificate: cert } = await town.deployment.authority.issueFor(order, 'test');
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const server = createServer({ cert, key }, (request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          client_id: `https://localhost:${port}${request.url}`,
          client_name: 'SDK',
          redirect_uris: [redirect],
          token_endpoint_auth_method: 'none',
        }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    opened.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
    return `https://localhost:${port}/client.json`;
  };

  /** What an application keeps for the SDK; the page that it wants to show is put aside. */
  const provider = () => {
    const kept: { page: URL | null; token: string; verifier: string; client: unknown; tokens: unknown } = {
      page: null,
      token: '',
      verifier: '',
      client: undefined,
      tokens: undefined,
    };
    return {
      kept,
      redirectUrl: redirect,
      clientMetadataUrl: document,
      clientMetadata: { redirect_uris: [redirect], client_name: 'SDK' },
      state: () => 'state',
      clientInformation: () => kept.client as never,
      saveClientInformation(client: unknown) {
        kept.client = client;
      },
      tokens: () => kept.tokens as never,
      saveTokens(tokens: { readonly access_token: string }) {
        kept.tokens = tokens;
        kept.token = tokens.access_token;
      },
      redirectToAuthorization(page: URL) {
        kept.page = page;
      },
      saveCodeVerifier(verifier: string) {
        kept.verifier = verifier;
      },
      codeVerifier: () => kept.verifier,
    };
  };

  const checkToken = (token: string): void => {
    const claims = decodeJwt(token);
    const thumbprint = createHash('sha256').update(new X509Certificate(shown.cert).raw).digest('base64url');
    assert.deepEqual(claims['cnf'], { 'x5t#S256': thumbprint });
    assert.equal(claims['client_id'], document);
    assert.equal(claims.aud, gateway());
  };

  test('SDK 1.x: discovery, its document, PKCE, a token bound to the certificate, tools/call', async () => {
    await using over = mutualFetch(shown);
    const authProvider = provider();
    const open = () => new LegacyTransport(new URL(gateway()), { fetch: over, authProvider });
    const first = open();
    const client = new LegacyClient({ name: 'v1', version: '1' });
    await assert.rejects(client.connect(first), LegacyUnauthorized);
    const back = await sayYes(bob, authProvider.kept.page?.href ?? '');
    await first.finishAuth(back.searchParams.get('code') ?? '');
    checkToken(authProvider.kept.token);
    const again = new LegacyClient({ name: 'v1', version: '1' });
    await again.connect(open());
    const said = await again.callTool({ name: 'echo', arguments: { message: 'bound' } });
    assert.match(textOf(said), /bound/);
    await again.close();
  });

  test('SDK 2.x: the same, and it checks who answered (RFC 9207)', async () => {
    await using over = mutualFetch(shown);
    const authProvider = provider();
    const open = () => new ModernTransport(new URL(gateway()), { fetch: over, authProvider });
    const first = open();
    const client = new ModernClient({ name: 'v2', version: '1' });
    await assert.rejects(client.connect(first), ModernUnauthorized);
    const back = await sayYes(bob, authProvider.kept.page?.href ?? '');
    await first.finishAuth(back.searchParams);
    checkToken(authProvider.kept.token);
    const again = new ModernClient({ name: 'v2', version: '1' });
    await again.connect(open());
    const said = await again.callTool({ name: 'echo', arguments: { message: 'bound' } });
    assert.match(textOf(said), /bound/);
    await again.close();
  });
});
