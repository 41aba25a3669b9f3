import { createHash, generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type JWK, SignJWT } from 'jose';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import type { Town } from '../journeys/deployment.ts';

/** An authorization server that answers as a realm of Keycloak does with clients authenticated by certificate and bound tokens. */
export interface KeycloakShape extends AsyncDisposable {
  readonly issuer: string;
  /** The root that vouches for its server, in PEM. */
  readonly roots: string;
}

/** `resource`: what the audience mapper of the realm writes. */
export async function openKeycloakShape(town: Town, resource: string): Promise<KeycloakShape> {
  const order = { name: 'sso', kind: 'server', dnsNames: ['localhost'], ipAddresses: [] } as const;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'sso' }));
  const { certificate, roots } = await town.deployment.authority.issueFor({ ...order, csr }, 'test');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const signing = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const jwk: JWK = {
    ...(signing.publicKey.export({ format: 'jwk' }) as JWK),
    kid: 'rsa-1',
    alg: 'RS256',
    use: 'sig',
  };
  const server = createServer({
    cert: certificate,
    key,
    ca: roots,
    requestCert: true,
    rejectUnauthorized: false,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `https://localhost:${(server.address() as AddressInfo).port}/realms/agents`;
  const base = new URL(issuer).pathname;
  const answers: Readonly<Record<string, (request: IncomingMessage) => Promise<object | null>>> = {
    [`${base}/.well-known/openid-configuration`]: async () => ({
      issuer,
      jwks_uri: `${issuer}/protocol/openid-connect/certs`,
      token_endpoint: `${issuer}/protocol/openid-connect/token`,
    }),
    [`${base}/protocol/openid-connect/certs`]: async () => ({ keys: [jwk] }),
    [`${base}/protocol/openid-connect/token`]: async (request) => {
      const socket = request.socket as TLSSocket;
      const peer = socket.authorized ? socket.getPeerCertificate() : null;
      if (peer?.subject?.CN !== 'ci-bot') return null;
      const claims = {
        typ: 'Bearer',
        azp: 'ci-bot',
        acr: '1',
        scope: 'files:read',
        groups: ['/engineering'],
        preferred_username: 'service-account-ci-bot',
        cnf: { 'x5t#S256': createHash('sha256').update(peer.raw).digest('base64url') },
      };
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'rsa-1' })
        .setIssuer(issuer)
        .setAudience([resource, 'account'])
        .setSubject('7d1f7b52-0000-4000-8000-000000000000')
        .setJti('trrtcc:7d1f')
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(signing.privateKey);
      return { access_token: token, expires_in: 300, token_type: 'Bearer', scope: 'files:read' };
    },
  };
  serve(server, answers);
  return {
    issuer,
    roots,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serve(
  server: Server,
  answers: Readonly<Record<string, (request: IncomingMessage) => Promise<object | null>>>,
): void {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const found = (await answers[request.url ?? '']?.(request)) ?? null;
    response.writeHead(found ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? { error: 'unauthorized_client' }));
  };
  server.on('request', (request, response) => {
    request.resume();
    void answer(request, response);
  });
}
