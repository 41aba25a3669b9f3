import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { errors, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';

/** The authorization server of an organisation: `oidc-provider` over TLS. */
export interface TokenGiver extends AsyncDisposable {
  readonly issuer: string;
  /** PEM of the authority of its certificate. */
  readonly authority: string;
}

export interface TokenGiverOptions {
  /** Where the public key of the client `countersign` is written, before it is first used. */
  readonly register: string;
  /** PEM of the authority of certificates that the client `countersign-tls` shows. */
  readonly clientAuthority: string;
  /** Says for whom a token to be exchanged is; throws for one that is not good. */
  readonly subjectOf: (token: string) => Promise<string>;
}

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const bare = { redirect_uris: [], response_types: [] as [] };

export async function openTokenGiver(options: TokenGiverOptions): Promise<TokenGiver> {
  const authority = createFixtureAuthority('Organisation Root');
  const shown = authority.issue({ commonName: 'localhost', purpose: 'server' });
  const server = createServer({
    cert: shown.certificate,
    key: shown.key,
    ca: options.clientAuthority,
    requestCert: true,
    rejectUnauthorized: false,
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
  let provider: Provider | null = null;
  server.on('request', (request, response) => {
    provider ??= providerOf(issuer, options);
    void provider.callback()(request, response);
  });
  return {
    issuer,
    authority: authority.certificate,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function providerOf(issuer: string, { register, subjectOf }: TokenGiverOptions): Provider {
  const key = createPublicKey(readFileSync(register)).export({ format: 'jwk' });
  const provider = new Provider(issuer, {
    clients: [
      {
        ...bare,
        client_id: 'countersign',
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ ...key, use: 'sig' }] },
      },
      {
        ...bare,
        client_id: 'countersign-tls',
        grant_types: [exchangeGrant],
        token_endpoint_auth_method: 'tls_client_auth',
        tls_client_auth_subject_dn: 'CN=gateway',
      },
    ],
    clientAuthMethods: ['private_key_jwt', 'tls_client_auth'],
    scopes: ['read'],
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
        getResourceServerInfo: (_ctx, resource) => ({ scope: 'read', audience: resource }),
      },
    },
  });
  const exchange = async (ctx: KoaContextWithOIDC): Promise<void> => {
    const { params, client } = ctx.oidc;
    if (!client) throw new errors.InvalidClient('no client');
    const subject = await subjectOf(String(params?.['subject_token'])).catch(() => {
      throw new errors.InvalidGrant('not a token that is exchanged here');
    });
    const token = new provider.ClientCredentials({ client, scope: 'read', extra: { sub: subject } });
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: params?.['requested_token_type'],
      token_type: 'Bearer',
      expires_in: 60,
    };
  };
  const known = [
    'subject_token',
    'subject_token_type',
    'requested_token_type',
    'audience',
    'resource',
    'scope',
  ];
  provider.registerGrantType(exchangeGrant, exchange, known);
  return provider;
}
