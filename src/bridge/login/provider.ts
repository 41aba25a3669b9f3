import {
  AuthorizationResponseError,
  type AuthorizationServer,
  type Client,
  customFetch,
  discoveryRequest,
  None,
  processDiscoveryResponse,
  ResponseBodyError,
} from 'oauth4webapi';
import { type Client as HttpClient, createClient } from '../../http/fetch.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { LoginOffer } from './login-offers.ts';

/** An OpenID provider, discovered, and the client that we are there. Disposing it ends its connections. */
export interface Provider extends AsyncDisposable {
  readonly offer: LoginOffer;
  readonly server: AuthorizationServer;
  readonly client: Client;
  /** A public client: what every laptop has is no secret (RFC 8252 §8.5). */
  readonly authentication: ReturnType<typeof None>;
  readonly options: { readonly [customFetch]: Fetch };
  /** The scopes, and how long ago somebody may have authenticated. */
  readonly asked: Readonly<Record<string, string>>;
}

/** What the library asks for: bodies of its POST requests are forms. */
type Fetch = (
  url: string,
  request: { readonly method: string; readonly headers: Record<string, string>; readonly body?: unknown },
) => Promise<Response>;

const limits = { totalMilliseconds: 30_000, bodyBytes: 1024 * 1024 };

/** Discovers a provider (OpenID Connect Discovery 1.0 §4). Throws Fault `unavailable`, `gateway_untrusted`, … */
export async function openProvider(offer: LoginOffer, again: boolean): Promise<Provider> {
  const http = createClient({
    ...(offer.authorities !== null && { tls: { authorities: offer.authorities } }),
    // The authority named it, and it may be anywhere: this is its person's own machine.
    addressGuard: 'any',
    limits,
  });
  const options = { [customFetch]: fetchThrough(http) };
  try {
    const issuer = new URL(offer.issuer);
    const response = await discoveryRequest(issuer, { algorithm: 'oidc', ...options });
    const server = await processDiscoveryResponse(issuer, response);
    return {
      offer,
      server,
      client: { client_id: offer.client },
      authentication: None(),
      options,
      asked: {
        scope: ['openid', ...offer.scopes].join(' '),
        ...(offer.maxAge !== null && { max_age: `${offer.maxAge}` }),
        ...(again && { prompt: 'login' }),
      },
      [Symbol.asyncDispose]: () => http.close(),
    };
  } catch (error) {
    await http.close();
    throw providerFault(error, offer);
  }
}

/** What a failure at a provider is here: refused, as it said itself, or a provider that is down or strange. */
export function providerFault(error: unknown, { name, issuer }: LoginOffer): Fault {
  if (error instanceof Fault) {
    return new Fault(error.code, `The provider ${name} (${issuer}): ${error.message}`, { cause: error });
  }
  if (error instanceof AuthorizationResponseError || error instanceof ResponseBodyError) {
    const { error: code, error_description: more } = error;
    const why = more === undefined ? shown(code) : `${shown(code)}, ${shown(more)}`;
    return new Fault('login_refused', `The provider ${name} does not log you in: ${why}.`, { cause: error });
  }
  const detail = `The provider ${name} (${issuer}) does not answer as OpenID Connect has it: ${errorText(error)}.`;
  return new Fault('unavailable', detail, { cause: error });
}

/** Words of a stranger on one line of a terminal. */
function shown(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
}

/** Only URLs over https; the library keeps to that. */
function fetchThrough(http: HttpClient): Fetch {
  return async (url, { method, headers, body }) => {
    const {
      status,
      headers: answered,
      body: octets,
    } = await http.request({
      method,
      url,
      headers,
      ...(body instanceof URLSearchParams && { body: body.toString() }),
    });
    return new Response(octets.length === 0 ? null : Buffer.from(octets), { status, headers: answered });
  };
}
