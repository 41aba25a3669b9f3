import { generateKeyPairSync } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { DemoInMemoryAuthProvider } from '@modelcontextprotocol/sdk/examples/server/demoInMemoryOAuthProvider.js';
import { requireBearerAuth as requireLegacyBearer } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  requireBearerAuth,
} from '@modelcontextprotocol/server';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { Provider } from 'oidc-provider';
import { createTools } from '../journeys/sdk-tools.ts';

/** An MCP server that wants tokens, made by others alone. */
export interface ProtectedServer extends AsyncDisposable {
  readonly url: string;
  /** `Authorization` of every request that reached MCP, null without. */
  readonly shown: (string | null)[];
}

/** SDK 1.x: its demonstration authorization server and its MCP server at one origin. */
export async function openLegacyServer(): Promise<ProtectedServer> {
  const shown: (string | null)[] = [];
  const app = createMcpExpressApp();
  const server = await listening(app);
  const origin = originOf(server, '127.0.0.1');
  const url = new URL('/mcp', origin);
  const provider = new DemoInMemoryAuthProvider((resource) => resource?.href === url.href);
  app.use(mcpAuthRouter({ provider, issuerUrl: new URL(origin), resourceServerUrl: url }));
  const tools = createTools();
  app.use((request, _response, next) => {
    shown.push(request.headers.authorization ?? null);
    next();
  });
  app.use(
    requireLegacyBearer({
      verifier: provider,
      resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(url),
    }),
  );
  app.post('/mcp', (request, response) => {
    const transport = new StreamableHTTPServerTransport();
    void tools
      .legacy()
      .connect(transport)
      .then(() => transport.handleRequest(request, response, request.body));
  });
  return { url: url.href, shown, [Symbol.asyncDispose]: () => close(server) };
}

/** SDK 2.x with its own gate, in front of tokens of `oidc-provider`. */
export async function openModernServer(issuer: string, keys: JSONWebKeySet): Promise<ProtectedServer> {
  const shown: (string | null)[] = [];
  const tools = createTools();
  const serve = createMcpHandler(() => tools.modern());
  const server = await listening(
    (request, response) => void handle(request as Parameters<typeof handle>[0], response),
  );
  const origin = originOf(server, 'localhost');
  const url = new URL('/mcp', origin);
  const metadata = getOAuthProtectedResourceMetadataUrl(url);
  const keySet = createLocalJWKSet(keys);
  const gate = requireBearerAuth({
    requiredScopes: ['tools'],
    resourceMetadataUrl: metadata,
    expectedResource: url,
    verifier: {
      async verifyAccessToken(token) {
        const { payload } = await jwtVerify(token, keySet, { issuer, audience: url.href, typ: 'at+jwt' });
        return {
          token,
          clientId: String(payload['client_id']),
          scopes: (payload['scope'] as string).split(' '),
          expiresAt: payload.exp ?? 0,
          resource: url,
        };
      },
    },
  });
  const handle = toNodeHandler({
    async fetch(request: Request) {
      if (request.url.endsWith(new URL(metadata).pathname)) {
        return Response.json({
          resource: url.href,
          authorization_servers: [issuer],
          scopes_supported: ['tools'],
        });
      }
      shown.push(request.headers.get('authorization'));
      const who = await gate(request);
      return who instanceof Response ? who : await serve.fetch(request, { authInfo: who });
    },
  });
  return { url: url.href, shown, [Symbol.asyncDispose]: () => close(server) };
}

/** `oidc-provider` with everything that an MCP client may want, and its own pages. */
export async function openProvider(): Promise<
  AsyncDisposable & { readonly issuer: string; readonly keys: JSONWebKeySet; readonly grants: string[] }
> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'one' };
  const grants: string[] = [];
  let answer: RequestListener = () => undefined;
  const server = await listening((request, response) => answer(request, response));
  const issuer = originOf(server, 'localhost');
  const provider = new Provider(issuer, {
    jwks: { keys: [jwk] },
    cookies: { keys: ['a key of tests only'] },
    scopes: ['openid', 'offline_access', 'tools'],
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    pkce: { required: () => true },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    rotateRefreshToken: true,
    features: {
      devInteractions: { enabled: true },
      registration: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: 'tools',
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
  provider.silent = true;
  provider.on('grant.success', ({ oidc }) => grants.push(String(oidc.params?.['grant_type'])));
  const callback = provider.callback();
  answer = (request, response) => void callback(request, response);
  const { d: _private, ...open } = jwk;
  return {
    issuer,
    keys: { keys: [open] },
    grants,
    [Symbol.asyncDispose]: () => close(server),
  };
}

async function listening(answer: RequestListener): Promise<Server> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function originOf(server: Server, host: string): string {
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
