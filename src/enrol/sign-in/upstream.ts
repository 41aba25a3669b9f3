import {
  type AuthorizationServer,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  customFetch,
  discoveryRequest,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  None,
  processAuthorizationCodeResponse,
  processDiscoveryResponse,
  validateAuthResponse,
} from 'oauth4webapi';
import type { Client as HttpClient } from '../../http/fetch.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { PersonProvider, ProviderPages } from '../person/person-provider.ts';
import { refused } from '../person/read-person.ts';

/** A provider at which people sign in with a browser, and the way to it. */
export interface UpstreamProvider {
  readonly provider: PersonProvider & { readonly pages: ProviderPages };
  readonly http: HttpClient;
  readonly secret: () => Promise<string>;
}

/** What of a login stays in the browser until the provider sends it back. */
export interface Underway {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/**
 * The page of the provider, and what its answer will be held to. Our own words and no others go there: nothing of what the client asked us for, its
 * `resource` least of all, which providers refuse or mean something else by. Throws Fault `unavailable`.
 */
export async function loginPage(
  upstream: UpstreamProvider,
  redirectUri: string,
  again: boolean,
): Promise<{ readonly url: string; readonly underway: Underway }> {
  const { provider } = upstream;
  const server = await discover(upstream);
  const { authorization_endpoint: endpoint } = server;
  if (!endpoint?.startsWith('https://')) throw unavailable(provider.name, 'it has no page over https');
  const underway = {
    state: generateRandomState(),
    nonce: generateRandomNonce(),
    verifier: generateRandomCodeVerifier(),
  };
  const { authenticatedWithin: within } = provider;
  const url = new URL(endpoint);
  const parameters = {
    response_type: 'code',
    client_id: provider.pages.client,
    redirect_uri: redirectUri,
    scope: ['openid', ...provider.scopes].join(' '),
    state: underway.state,
    nonce: underway.nonce,
    code_challenge: await calculatePKCECodeChallenge(underway.verifier),
    code_challenge_method: 'S256',
    ...(within !== null && { max_age: String(Math.floor(within / 1_000)) }),
    ...(again && { prompt: 'login' }),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return { url: url.href, underway };
}

/**
 * The ID token that the answer of the provider is good for: `state` and `iss` (RFC 9207) are ours and its own, and the code goes back with the
 * verifier (RFC 7636). Nothing in the token is believed yet. Throws Fault `login_refused` or `unavailable`.
 */
export async function redeemAnswer(
  upstream: UpstreamProvider,
  query: URLSearchParams,
  { state, nonce, verifier }: Underway,
  redirectUri: string,
): Promise<string> {
  const { provider, http } = upstream;
  const server = await discover(upstream);
  const client: Client = { client_id: provider.pages.client };
  try {
    const parameters = validateAuthResponse(server, client, query, state);
    const response = await authorizationCodeGrantRequest(
      server,
      client,
      await authenticationAt(server, upstream),
      parameters,
      redirectUri,
      verifier,
      through(http),
    );
    const { id_token: token } = await processAuthorizationCodeResponse(server, client, response, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    return token ?? '';
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refused(`${provider.name} did not sign you in (${errorText(error).slice(0, 200)})`);
  }
}

async function discover({ provider, http }: UpstreamProvider): Promise<AuthorizationServer> {
  const issuer = new URL(provider.issuer);
  try {
    const response = await discoveryRequest(issuer, { algorithm: 'oidc', ...through(http) });
    return await processDiscoveryResponse(issuer, response);
  } catch (error) {
    throw unavailable(provider.name, errorText(error), error);
  }
}

async function authenticationAt(
  server: AuthorizationServer,
  upstream: UpstreamProvider,
): Promise<ClientAuth> {
  if (upstream.provider.pages.secret === null) return None();
  const secret = await upstream.secret();
  const ways = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return ways.includes('client_secret_basic') ? ClientSecretBasic(secret) : ClientSecretPost(secret);
}

function through(http: HttpClient): { readonly [customFetch]: Fetch } {
  return {
    async [customFetch](url, { method, headers, body }) {
      const form = body instanceof URLSearchParams ? { body: body.toString() } : {};
      const answer = await http.request({ method, url, headers, ...form });
      const octets = answer.body.length === 0 ? null : Buffer.from(answer.body);
      return new Response(octets, { status: answer.status, headers: answer.headers });
    },
  };
}

type Fetch = (
  url: string,
  request: { readonly method: string; readonly headers: Record<string, string>; readonly body?: unknown },
) => Promise<Response>;

function unavailable(name: string, why: string, cause?: unknown): Fault {
  return new Fault('unavailable', `${name} cannot be asked who you are at the moment: ${why}.`, {
    cause,
    retryAfterMilliseconds: 30_000,
  });
}
