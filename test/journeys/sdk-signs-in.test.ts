import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
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
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { openTown, type Presentable, type Town } from './deployment.ts';
import { freshAuthority } from './fresh-authority.ts';
import { mutualFetch, textOf } from './mcp-clients.ts';
import type { PasskeyBrowser } from './people-town.ts';
import { personWithPasskey, sayYes, wantTokens } from './say-yes.ts';
import { sdkServers } from './sdk-servers.ts';

const redirect = 'http://127.0.0.1:49152/callback';
const serverName = 'v2-http-sessions';

describe('O1, O2 the official SDKs as clients of our gateway and authority, with their own OAuth code', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let document: string;
  let alice: PasskeyBrowser;
  let shown: Presentable;

  before(async () => {
    const clientAuthorities = join(await freshAuthority(), 'root.pem');
    const tokens = { clientAddresses: ['loopback'], clientAuthorities };
    town = opened.use(await openTown({}, { authority: { tokens } }));
    const server = sdkServers.find(({ name }) => name === serverName);
    opened.use((await server?.open(town)) ?? { [Symbol.asyncDispose]: async () => undefined });
    await town.permit('permit (principal, action, resource);');
    await wantTokens(town, serverName);
    await town.addAgent('laptop');
    shown = await town.issue('laptop');
    document = await publish();
    alice = opened.use(await personWithPasskey(town, 'alice'));
  });
  after(() => opened.disposeAsync());

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
    assert.equal(claims.aud, town.endpoint(serverName));
  };

  test('SDK 1.x: discovery, its document, PKCE, a token bound to the certificate, tools/call', async () => {
    await using over = mutualFetch(shown);
    const authProvider = provider();
    const open = () => new LegacyTransport(new URL(town.endpoint(serverName)), { fetch: over, authProvider });
    const first = open();
    const client = new LegacyClient({ name: 'v1', version: '1' });
    await assert.rejects(client.connect(first), LegacyUnauthorized);
    const back = await sayYes(alice, authProvider.kept.page?.href ?? '');
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
    const open = () => new ModernTransport(new URL(town.endpoint(serverName)), { fetch: over, authProvider });
    const first = open();
    const client = new ModernClient({ name: 'v2', version: '1' });
    await assert.rejects(client.connect(first), ModernUnauthorized);
    const back = await sayYes(alice, authProvider.kept.page?.href ?? '');
    await first.finishAuth(back.searchParams);
    checkToken(authProvider.kept.token);
    const again = new ModernClient({ name: 'v2', version: '1' });
    await again.connect(open());
    const said = await again.callTool({ name: 'echo', arguments: { message: 'bound' } });
    assert.match(textOf(said), /bound/);
    await again.close();
  });
});
