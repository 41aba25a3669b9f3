import {
  AuthorizationResponseError,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  generateRandomCodeVerifier,
  generateRandomState,
  processAuthorizationCodeResponse,
  processPushedAuthorizationResponse,
  pushedAuthorizationRequest,
  validateAuthResponse,
} from 'oauth4webapi';
import { Fault } from '../../kernel/fault.ts';
import { openCallback } from '../login/callback.ts';
import { type Asked, commonParameters, type Given, offlineIfGiven, type Person } from './asked.ts';
import type { ClientIdentity } from './client-identity.ts';
import { signInFault } from './library.ts';
import { requirePkce } from './server-metadata.ts';

/**
 * Authorization code with PKCE S256, pushed where the server takes it (RFC 9126), a loopback callback (RFC 8252 §7.3), `state`, `iss`
 * (RFC 9207) and `resource` in both requests (RFC 8707). Throws Fault `sign_in_failed`, `timed_out`, `unavailable`, `port_taken`, …
 */
export async function signInByBrowser(asked: Asked, person: Person): Promise<Given> {
  const { server, options } = asked;
  requirePkce(server);
  const state = generateRandomState();
  const verifier = generateRandomCodeVerifier();
  const { port, clock, signal } = person;
  // A page that guesses at the callback ends nothing: only an answer with our state counts.
  await using callback = await openCallback({ port, clock, ours: (query) => query.get('state') === state });
  try {
    const identity = await asked.client(callback.url);
    const { client, authentication } = identity;
    const parameters = {
      ...commonParameters(asked),
      response_type: 'code',
      client_id: client.client_id,
      redirect_uri: callback.url,
      state,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    };
    person.showPage(await pageFor(asked, identity, parameters));
    // Which issuer was asked is fixed before the browser leaves: the answer is held against it (RFC 9207 §2.4).
    const code = validateAuthResponse(server, client, await callback.answer(signal), state);
    const response = await authorizationCodeGrantRequest(
      server,
      client,
      authentication,
      code,
      callback.url,
      verifier,
      { ...options, additionalParameters: { resource: asked.resource } },
    );
    const answer = await processAuthorizationCodeResponse(server, client, response);
    callback.conclude(null);
    return { answer, identity };
  } catch (error) {
    callback.conclude(error instanceof AuthorizationResponseError ? 'refused' : 'failed');
    throw error === signal.reason && error instanceof Fault ? error : signInFault(error, server.issuer);
  }
}

/** The page that is shown to the person: with the request, or with a reference to the one that was pushed. */
async function pageFor(
  { server, options }: Asked,
  { client, authentication, kept }: ClientIdentity,
  parameters: Readonly<Record<string, string>>,
): Promise<string> {
  const { authorization_endpoint: endpoint } = server;
  if (endpoint === undefined) {
    throw new Fault('sign_in_failed', `The authorization server ${server.issuer} has no page to sign in at.`);
  }
  const page = new URL(endpoint);
  let shownParameters = parameters;
  if (server.pushed_authorization_request_endpoint !== undefined) {
    const pushed = await offlineIfGiven(parameters, async (asked) =>
      processPushedAuthorizationResponse(
        server,
        client,
        await pushedAuthorizationRequest(server, client, authentication, { ...asked }, options),
      ),
    );
    shownParameters = { client_id: client.client_id, request_uri: pushed.request_uri };
  } else if (kept.method === 'certificate' || server.require_pushed_authorization_requests === true) {
    throw new Fault(
      'sign_in_failed',
      `The authorization server ${server.issuer} takes no pushed authorization requests.`,
    );
  }
  for (const [name, value] of Object.entries(shownParameters)) page.searchParams.set(name, value);
  return page.href;
}
