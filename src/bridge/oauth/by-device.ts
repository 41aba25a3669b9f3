import {
  allowInsecureRequests,
  deviceAuthorizationRequest,
  deviceCodeGrantRequest,
  processDeviceAuthorizationResponse,
  processDeviceCodeResponse,
} from 'oauth4webapi';
import { Fault } from '../../kernel/fault.ts';
import { untilEntered } from '../login/until-entered.ts';
import { type Asked, commonParameters, type Given, offlineIfGiven, type Person } from './asked.ts';
import { signInFault } from './library.ts';
import { shown } from './resource-metadata.ts';
import { isLoopbackName } from './web.ts';

/**
 * Device authorization (RFC 8628) with `resource` in both requests: the person signs in on another machine. Throws Fault
 * `sign_in_failed`, `timed_out`, `unavailable`, …
 */
export async function signInOnDevice(asked: Asked, person: Person): Promise<Given> {
  const { server, options, resource } = asked;
  const { clock, signal, pause } = person;
  if (server.device_authorization_endpoint === undefined) {
    throw new Fault(
      'sign_in_failed',
      `The authorization server ${shown(server.issuer)} has no device flow. Sign in with a browser: --sign-in browser.`,
    );
  }
  try {
    const identity = await asked.client(null);
    const { client, authentication } = identity;
    const { prompt: _none, ...parameters } = commonParameters(asked);
    const device = await offlineIfGiven(parameters, async (wanted) =>
      processDeviceAuthorizationResponse(
        server,
        client,
        await deviceAuthorizationRequest(server, client, authentication, { ...wanted }, options),
      ),
    );
    person.showCode({ url: pageOf(device.verification_uri, asked), code: device.user_code });
    const answer = await untilEntered(device, { clock, signal, pause }, async () =>
      processDeviceCodeResponse(
        server,
        client,
        await deviceCodeGrantRequest(server, client, authentication, device.device_code, {
          ...options,
          additionalParameters: { resource },
        }),
      ),
    );
    return { answer, identity };
  } catch (error) {
    throw error === signal.reason && error instanceof Fault ? error : signInFault(error, server.issuer);
  }
}

/** A page that a person types into a browser, so that no other may be taken for it. */
function pageOf(url: string, { server, options }: Asked): string {
  const page = URL.canParse(url) ? new URL(url) : null;
  const plain = page?.protocol === 'http:' && options[allowInsecureRequests] && isLoopbackName(page.hostname);
  if (page && (page.protocol === 'https:' || plain)) return page.href;
  throw new Fault(
    'sign_in_failed',
    `The authorization server ${shown(server.issuer)} has no page for the code over https.`,
  );
}
