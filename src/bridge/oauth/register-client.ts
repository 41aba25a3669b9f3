import type { AuthorizationServer } from 'oauth4webapi';
import type { WholeResponse } from '../../http/fetch.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { KeptClient } from './client-identity.ts';
import { shown } from './resource-metadata.ts';
import type { Web } from './web.ts';

const methods = { none: 'none', basic: 'client_secret_basic', post: 'client_secret_post' } as const;
const longestName = 2_000;

/**
 * Registers the bridge (RFC 7591 §3.1) as a native client that comes back to `redirect`, or that signs in on devices. Throws Fault
 * `sign_in_failed`, or what asking throws.
 */
export async function registerClient(
  server: AuthorizationServer,
  redirect: string | null,
  web: Web,
): Promise<KeptClient> {
  const method = methods[methodFor(server)];
  const answer = await web.request({
    method: 'POST',
    url: server.registration_endpoint ?? '',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({
      client_name: 'Countersign bridge',
      application_type: 'native',
      token_endpoint_auth_method: method,
      grant_types: [
        redirect === null ? 'urn:ietf:params:oauth:grant-type:device_code' : 'authorization_code',
        'refresh_token',
      ],
      response_types: redirect === null ? [] : ['code'],
      redirect_uris: redirect === null ? [] : [redirect],
    }),
  });
  // RFC 7591 §3.2.1 has 201; servers that answer 200 mean the same.
  if (answer.status !== 201 && answer.status !== 200)
    throw refused(server, `HTTP ${answer.status}${reasonOf(answer)}`);
  return readRegistration(answer.json(), server, method);
}

/** Whether a server wants no secret of its clients, and else how it wants it; RFC 8414 §2: without the member as basic. */
function methodFor({
  token_endpoint_auth_methods_supported: supported = ['client_secret_basic'],
}: AuthorizationServer): keyof typeof methods {
  if (supported.includes('none')) return 'none';
  return supported.includes('client_secret_basic') || !supported.includes('client_secret_post')
    ? 'basic'
    : 'post';
}

/** RFC 7591 §3.2.1 demands `client_secret_expires_at` beside a secret; servers leave it out, and it changes nothing here. */
function readRegistration(value: Json, server: AuthorizationServer, asked: string): KeptClient {
  const {
    client_id: id,
    client_secret: secret,
    token_endpoint_auth_method: said,
  } = isJsonObject(value) ? value : {};
  if (typeof id !== 'string' || id === '' || id.length > longestName) throw refused(server, 'no client');
  if (typeof secret !== 'string' || secret === '' || said === methods.none) {
    return { id, secret: null, method: 'none' };
  }
  return { id, secret, method: (said ?? asked) === methods.post ? 'post' : 'basic' };
}

/** RFC 7591 §3.2.2. */
function reasonOf({ json }: Pick<WholeResponse, 'json'>): string {
  try {
    const value = json();
    const { error, error_description: more } = isJsonObject(value) ? value : {};
    return [error, more].map((word) => (typeof word === 'string' ? `, ${shown(word)}` : '')).join('');
  } catch {
    return '';
  }
}

function refused(server: AuthorizationServer, what: string): Fault {
  return new Fault(
    'sign_in_failed',
    `The authorization server ${shown(server.issuer)} answers our registration with ${what}. Register a client there, and start with --client-id.`,
  );
}
