import {
  calculatePKCECodeChallenge,
  deviceAuthorizationRequest,
  deviceCodeGrantRequest,
  generateRandomCodeVerifier,
  processDeviceAuthorizationResponse,
  processDeviceCodeResponse,
} from 'oauth4webapi';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Provider, providerFault } from './provider.ts';
import { untilEntered } from './until-entered.ts';

/** How a person is told where to go, and how long they are waited for. */
export interface DeviceFlow {
  readonly show: (page: { readonly url: string; readonly code: string }) => void;
  readonly clock: Clock;
  /** Ends the wait, with a Fault as its reason. */
  readonly signal: AbortSignal;
  /** Waits so many milliseconds. Throws the reason of the signal. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Device authorization (RFC 8628): the person logs in on another machine. The nonce is sent along; providers that keep it put it
 * into the ID token, which this gives. Throws Fault `login_refused`, `timed_out`, `unavailable`.
 */
export async function logInOnDevice(provider: Provider, nonce: string, flow: DeviceFlow): Promise<string> {
  const { server, client, authentication, options, offer, asked } = provider;
  const { clock, signal, show, pause } = flow;
  if (server.device_authorization_endpoint === undefined) {
    throw new Fault(
      'login_refused',
      `The provider ${offer.name} has no device flow. Log in with a browser: leave out --device.`,
    );
  }
  try {
    // RFC 8628 has no PKCE, and Keycloak asks every flow of a client that must use it for it. Others ignore it (RFC 6749 §3.1).
    const verifier = generateRandomCodeVerifier();
    const parameters = {
      ...asked,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    };
    const additional = { ...options, additionalParameters: { code_verifier: verifier } };
    const device = await processDeviceAuthorizationResponse(
      server,
      client,
      await deviceAuthorizationRequest(server, client, authentication, parameters, options),
    );
    show({ url: pageOf(device.verification_uri, offer.name), code: device.user_code });
    const token = await untilEntered(device, { clock, signal, pause }, async () =>
      processDeviceCodeResponse(
        server,
        client,
        await deviceCodeGrantRequest(server, client, authentication, device.device_code, additional),
      ),
    );
    return idTokenOf(token, offer.name);
  } catch (error) {
    throw error === signal.reason && error instanceof Fault ? error : providerFault(error, offer);
  }
}

function idTokenOf(
  { id_token: token }: { readonly id_token?: string | undefined },
  provider: string,
): string {
  if (token !== undefined) return token;
  throw new Fault('login_refused', `The provider ${provider} gives no ID token in the device flow.`);
}

/** A page that a person types into a browser, so that no other may be taken for it. */
function pageOf(url: string, provider: string): string {
  if (URL.canParse(url) && new URL(url).protocol === 'https:') return new URL(url).href;
  throw new Fault('unavailable', `The provider ${provider} has no page for the code over https.`);
}
