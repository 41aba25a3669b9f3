import {
  AuthorizationResponseError,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  generateRandomCodeVerifier,
  generateRandomState,
  processAuthorizationCodeResponse,
  validateAuthResponse,
} from 'oauth4webapi';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { openCallback } from './callback.ts';
import { type Provider, providerFault } from './provider.ts';

/** How a person is led to the provider, and how long they are waited for. */
export interface CodeFlow {
  /** Of the callback; any free one unless it is given. */
  readonly port: number | null;
  /** Shows the provider's page, or says where it is. */
  readonly show: (url: string) => void;
  readonly clock: Clock;
  /** Ends the wait, with a Fault as its reason. */
  readonly signal: AbortSignal;
}

/**
 * Authorization code with PKCE (RFC 7636, S256) and a loopback callback (RFC 8252 §7.3); `iss` is checked (RFC 9207). Gives the
 * ID token, whose nonce is the one given. Throws Fault `login_refused`, `timed_out`, `unavailable`, `port_taken`.
 */
export async function logInWithCode(provider: Provider, nonce: string, flow: CodeFlow): Promise<string> {
  const { server, client, authentication, options, offer, asked } = provider;
  const state = generateRandomState();
  const verifier = generateRandomCodeVerifier();
  const { port, clock, signal } = flow;
  // A page that guesses at the callback does not end the login: only an answer with our state counts.
  const read = (query: URLSearchParams): URLSearchParams =>
    validateAuthResponse(server, client, query, state);
  await using callback = await openCallback({ port, clock, ours: (query) => query.get('state') === state });
  const page = new URL(authorizationEndpoint(provider));
  const parameters = {
    ...asked,
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: callback.url,
    state,
    nonce,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) page.searchParams.set(name, value);
  flow.show(page.href);
  try {
    const code = read(await callback.answer(signal));
    const response = await authorizationCodeGrantRequest(
      server,
      client,
      authentication,
      code,
      callback.url,
      verifier,
      options,
    );
    const { id_token: token } = await processAuthorizationCodeResponse(server, client, response, {
      expectedNonce: nonce,
      ...(offer.maxAge !== null && { maxAge: offer.maxAge }),
      requireIdToken: true,
    });
    callback.conclude(null);
    return token ?? '';
  } catch (error) {
    const fault = error === signal.reason && error instanceof Fault ? error : providerFault(error, offer);
    callback.conclude(error instanceof AuthorizationResponseError ? 'refused' : 'failed');
    throw fault;
  }
}

/** Where a browser is sent. Anything but https would show the person's password to the network. */
function authorizationEndpoint({ server, offer }: Provider): string {
  const { authorization_endpoint: endpoint } = server;
  if (endpoint?.startsWith('https://') && URL.canParse(endpoint)) return endpoint;
  throw new Fault('unavailable', `The provider ${offer.name} has no page to log in at over https.`);
}
