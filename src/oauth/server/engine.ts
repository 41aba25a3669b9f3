import {
  type Client,
  type Configuration,
  errors,
  type KoaContextWithOIDC,
  Provider,
  type ResourceServer,
} from 'oidc-provider';
import { toBase64 } from '../../kernel/bytes.ts';
import type { AuthorizationServerOptions } from './authorization-server.ts';
import { registerAssertionGrant } from './assertion-grant.ts';
import { richRequests } from './authorization-details.ts';
import { checkClientAssertion } from './client-assertion.ts';
import { assertionAlgorithms } from './registered-clients.ts';
import { newClientId } from './dynamic-clients.ts';
import { askAlways, deviceFlow, renderError } from './engine-people.ts';
import { freshLogin } from './fresh-login.ts';
import { HandedRequest } from './handed-request.ts';
import { recordOutcome } from './outcome.ts';
import { givenBy } from './people-directory.ts';
import { requestNow, storageAdapter } from './storage-adapter.ts';
import { registerTokenExchange } from './token-exchange.ts';
import type { TokenKey } from './token-keys.ts';
import { routes } from './token-routes.ts';

/** Times of life in seconds, beside those that are settings. */
const lives = { code: 60, interaction: 3_600, session: 8 * 3_600, pushed: 60, device: 600 };

/**
 * The engine that speaks OAuth, set up for us. Everything that may change in its next version is in this folder, behind
 * `AuthorizationServer`.
 */
export function createEngine(options: AuthorizationServerOptions, key: TokenKey): Provider {
  const provider = new Provider(options.issuer, configurationOf(options, key));
  provider.proxy = false;
  provider.silent = true;
  registerTokenExchange(provider, options);
  registerAssertionGrant(provider, options);
  // Koa puts its handlers together once: what is to stand before the engine's has to be there first.
  provider.use(async (ctx, next) => {
    await next();
    const spoken = ctx as KoaContextWithOIDC;
    if (ctx.req instanceof HandedRequest) ctx.req.client = spoken.oidc?.client?.clientId ?? null;
    await recordOutcome(spoken, options);
  });
  return provider;
}

function configurationOf(options: AuthorizationServerOptions, key: TokenKey): Configuration {
  const { kid, privateKey } = key;
  const { records, record, cipher, agents, clients, registration, clock, lives: settings } = options;
  return {
    adapter: storageAdapter({
      records,
      record,
      cipher,
      agents,
      clients,
      registration,
      clock,
      afterglow: options.afterglow,
    }),
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' }] },
    routes,
    features: featuresOf(options),
    clientDefaults: {
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: 'ES256',
      grant_types: ['authorization_code', 'refresh_token'],
      authorization_details_types: ['mcp_call'],
      // RFC 8705 §3.4: a client of ours never has to ask for what makes a stolen token worthless.
      tls_client_certificate_bound_access_tokens: true,
    },
    clientAuthMethods: ['none', 'tls_client_auth', 'self_signed_tls_client_auth', 'private_key_jwt'],
    // What this authority reads the time by is what an assertion is held to.
    assertJwtClientAuthClaimsAndHeader: async (_ctx, claims, header) =>
      checkClientAssertion(claims, header, { issuer: options.issuer, now: clock.now() }),
    fetch: options.documents.fetch,
    fetchResponseBodyLimits: { jwks_uri: 32 * 1024 },
    enabledJWA: {
      clientAuthSigningAlgValues: [...assertionAlgorithms],
      idTokenSigningAlgValues: ['ES256'],
      dPoPSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519'],
    },
    cookies: {
      keys: [cipher.hash('cookies', options.issuer)],
      names: {
        session: '__Host-countersign-oauth',
        interaction: 'countersign-interaction',
        resume: 'countersign-resume',
      },
      long: { httpOnly: true, sameSite: 'lax', secure: true },
      short: { httpOnly: true, sameSite: 'lax', secure: true },
    },
    interactions: { policy: askAlways(), url: (_ctx, { uid }) => `/interaction/${uid}` },
    loadExistingGrant: async ({ oidc }) => {
      const id = oidc.result?.consent?.grantId;
      return id === undefined ? undefined : await oidc.provider.Grant.find(id);
    },
    renderError,
    extraParams: [freshLogin],
    responseTypes: ['code'],
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access', ...options.scopes],
    claims: { openid: ['sub'] },
    subjectTypes: ['public'],
    conformIdTokenClaims: true,
    allowOmittingSingleRegisteredRedirectUri: false,
    acceptQueryParamAccessTokens: false,
    clientBasedCORS: () => false,
    extraTokenClaims: (ctx, token) => ({
      gid: grantOf(token),
      ...(requestNow()?.claims ?? { ...actorOf(token), ...loginOf(ctx) }),
    }),
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    findAccount: (_ctx, id) => options.people.find(id),
    ttl: {
      AccessToken: settings.access,
      ClientCredentials: settings.access,
      RefreshToken: settings.refresh,
      Grant: settings.refresh,
      AuthorizationCode: lives.code,
      DeviceCode: lives.device,
      Interaction: lives.interaction,
      Session: lives.session,
      IdToken: settings.access,
    },
  };
}

type Features = NonNullable<Configuration['features']>;

function featuresOf(options: AuthorizationServerOptions): Features {
  return {
    devInteractions: { enabled: false },
    userinfo: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow,
    registration: {
      enabled: options.registration,
      initialAccessToken: false,
      issueRegistrationAccessToken: false,
      idFactory: newClientId,
    },
    richAuthorizationRequests: richRequests,
    pushedAuthorizationRequests: { enabled: true },
    introspection: {
      enabled: true,
      allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
    },
    revocation: {
      enabled: true,
      allowedPolicy(_ctx, client, token) {
        if (token.clientId === client.clientId) return true;
        throw new errors.InvalidRequest('the token is not of this client');
      },
    },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      tlsClientAuth: true,
      selfSignedTlsClientAuth: true,
      getCertificate: (ctx) => certificateOf(ctx),
      certificateAuthorized: (ctx) => agentOf(ctx) !== null,
      certificateSubjectMatches: (ctx, property, expected) =>
        property === 'tls_client_auth_san_uri' && agentOf(ctx)?.caller.spiffeId === expected,
    },
    clientIdMetadataDocument: {
      ack: 'draft-02',
      enabled: true,
      allowFetch: (_ctx, id) => options.documents.admits(id),
      allowClient(ctx, client) {
        bindByProof(ctx, client);
        return true;
      },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource(_ctx, _client, oneOf) {
        const [only, ...others] = typeof oneOf === 'string' ? [oneOf] : (oneOf ?? []);
        if (only !== undefined && others.length === 0) return only;
        throw new errors.InvalidTarget('say with resource which server the token is for');
      },
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, uri) => resourceServer(ctx, uri, options),
    },
  };
}

async function resourceServer(
  ctx: KoaContextWithOIDC,
  uri: string,
  { resources, people, lives: { access } }: AuthorizationServerOptions,
): Promise<ResourceServer> {
  const resource = await resources.find(uri);
  if (!resource) throw new errors.InvalidTarget('there is no server of this URI here');
  const alone = ctx.oidc.params?.['grant_type'] === 'client_credentials';
  const person = personOf(ctx);
  const all = alone ? resource.agentScopes : resource.scopes;
  const scopes = person === null ? all : await givenBy(person, all, people);
  // Somebody's groups give nothing any more: a token of theirs without scopes would still be one of theirs.
  if (all.length > 0 && scopes.length === 0)
    throw new errors.InvalidGrant('no group gives any of the scopes');
  return {
    scope: scopes.join(' '),
    audience: resource.uri,
    accessTokenTTL: access,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256' } },
  };
}

/** The person behind the code or the refresh token of a request; null before somebody has said yes. */
function personOf({ oidc }: KoaContextWithOIDC): string | null {
  const { RefreshToken, AuthorizationCode, DeviceCode } = oidc.entities;
  return (RefreshToken ?? AuthorizationCode ?? DeviceCode)?.accountId ?? null;
}

function agentOf({ req }: { readonly req: object }): HandedRequest['agent'] {
  return req instanceof HandedRequest ? req.agent : null;
}

/**
 * Base64 of the DER, which the engine takes like PEM. A certificate that nobody vouches for is looked at for a client alone that
 * has named it as its own (RFC 8705 §2.2).
 */
function certificateOf({ req, oidc }: KoaContextWithOIDC): string | undefined {
  if (!(req instanceof HandedRequest)) return undefined;
  const named = oidc.client?.clientAuthMethod === 'self_signed_tls_client_auth';
  const certificate = req.certificate ?? (named ? req.unverified : null);
  return certificate === null ? undefined : toBase64(certificate);
}

/** A client of somebody else that has no certificate of ours may bind its tokens to a key of its own (RFC 9449). */
function bindByProof(ctx: KoaContextWithOIDC | undefined, client: Client): void {
  const { req } = ctx ?? {};
  if (!(req instanceof HandedRequest) || !req.provesKeyAlone) return;
  // The engine makes a client anew for every request.
  Object.assign(client, { tlsClientCertificateBoundAccessTokens: false, dpopBoundAccessTokens: true });
}

interface Tokenlike {
  readonly jti: string;
  readonly grantId?: string;
  readonly accountId?: string;
}

/** The grant of a token; one that an agent got by itself is its own. */
function grantOf(token: object): string {
  const { grantId, jti } = token as Tokenlike;
  return grantId ?? jti;
}

/** RFC 8693 §4.1: the agent acts for the person. */
function actorOf(token: object): object {
  const agent = requestNow()?.agent;
  return (token as Tokenlike).accountId !== undefined && agent ? { act: { sub: agent.caller.spiffeId } } : {};
}

/** RFC 9068 §2.2.1: when and how the person proved who they are, for servers that want it fresh (RFC 9470). */
function loginOf({ oidc }: KoaContextWithOIDC): object {
  const { RefreshToken, AuthorizationCode, DeviceCode } = oidc.entities;
  const { authTime, acr, amr } = AuthorizationCode ?? DeviceCode ?? RefreshToken ?? {};
  return {
    ...(authTime !== undefined && { auth_time: authTime }),
    ...(acr !== undefined && { acr }),
    ...(amr !== undefined && { amr }),
  };
}
