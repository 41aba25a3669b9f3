import type { Client } from '../../http/fetch.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { parseJson } from '../../kernel/parse-json.ts';

/** Where the documents come from that clients say who they are with (draft-ietf-oauth-client-id-metadata-document). */
export interface ClientDocuments {
  /** Whether a client id that is a URL is looked at; each look makes us connect to where a stranger says. */
  admits(clientId: string): boolean;
  readonly fetch: typeof fetch;
}

/** RFC 6585 §4 in spirit: strangers may make us fetch so many documents in a minute, together. */
const mostPerMinute = 60;
const minute = 60_000;

/**
 * Documents fetched through the guarded client, which resolves a name once, looks at every address, connects to none that
 * is not public, follows no redirect and reads no more than it is told to. Null for the client when no documents are accepted.
 */
export function clientDocuments(client: Client | null, clock: Clock): ClientDocuments {
  let began = clock.monotonic();
  let count = 0;
  return {
    admits() {
      if (client === null) return false;
      if (clock.monotonic() - began >= minute) {
        began = clock.monotonic();
        count = 0;
      }
      count += 1;
      return count <= mostPerMinute;
    },
    async fetch(input) {
      const url = input instanceof Request ? input.url : String(input);
      if (client === null) throw new TypeError('documents of clients are not accepted');
      const { status, headers, body } = await client.request({
        method: 'GET',
        url,
        headers: { accept: 'application/json' },
      });
      const kept = ['cache-control', 'expires', 'content-type'].flatMap((name) => {
        const value = headers[name];
        return value === undefined ? [] : [[name, value] as const];
      });
      const text = status === 200 ? normalised(body) : '';
      return new Response(text, { status, headers: Object.fromEntries(kept) });
    },
  };
}

/** Grants that a client of somebody else may have. */
const knownGrants = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];

/**
 * A document as the engine takes it. Real ones leave out what they need (`application_type` with a loopback redirect, the
 * authentication method), and name what nobody here has: grants, scopes, keys for other methods. What would make a document false stays, for the engine to refuse:
 * its own name, secrets, methods with secrets. Octets that are no JSON object are passed on as they are.
 */
function normalised(octets: Uint8Array): string {
  const document = readDocument(octets);
  // Somebody's keys, or something else: not a client's document.
  if (!document || document['client_id'] === undefined) return Buffer.from(octets).toString();
  const methods = document['token_endpoint_auth_methods_supported'];
  const method = document['token_endpoint_auth_method'] ?? (isNotPublic(methods) ? methods[0] : 'none');
  const { client_id, client_name, client_uri, client_secret, client_secret_expires_at, jwks, jwks_uri } =
    document;
  const certificates = method === 'self_signed_tls_client_auth' ? { jwks, jwks_uri } : {};
  const redirects = listOf(document['redirect_uris']);
  const grants = listOf(document['grant_types'] ?? ['authorization_code', 'refresh_token']);
  return JSON.stringify({
    client_id,
    client_name,
    client_uri,
    client_secret,
    client_secret_expires_at,
    ...certificates,
    redirect_uris: redirects,
    // RFC 8252 §7.3: a port of its own choice is for native clients alone.
    application_type: redirects.some(isLoopback) ? 'native' : 'web',
    grant_types: grants.filter((grant) => typeof grant === 'string' && knownGrants.includes(grant)),
    response_types: ['code'],
    token_endpoint_auth_method: method,
  });
}

function readDocument(octets: Uint8Array): JsonObject | null {
  try {
    const value = parseJson(octets, { depth: 8, values: 1_000 });
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isNotPublic(methods: Json | undefined): methods is readonly Json[] {
  return Array.isArray(methods) && methods.length > 0 && !methods.includes('none');
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function isLoopback(redirect: Json): boolean {
  if (typeof redirect !== 'string' || !URL.canParse(redirect)) return false;
  const { protocol, hostname } = new URL(redirect);
  return protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
}
