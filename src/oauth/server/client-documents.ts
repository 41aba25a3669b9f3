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

/** RFC 6585 §4 in spirit: strangers may make us fetch so many documents in a minute, together, and as many sets of keys. */
const mostPerMinute = 60;
const minute = 60_000;
/** How long a set of keys counts, in milliseconds, and how many are kept: a new key is found a minute later. */
const keysKept = { milliseconds: 60_000, sets: 100 };

/**
 * Documents fetched through the guarded client, which resolves a name once, looks at every address, connects to none that
 * is not public, follows no redirect and reads no more than it is told to. The keys of clients come the same way, and are kept:
 * every request of a client needs them. Null for the client when no documents are accepted.
 */
export function clientDocuments(client: Client | null, clock: Clock): ClientDocuments {
  const [documents, sets] = [perMinute(clock), perMinute(clock)];
  const awaited = new Set<string>();
  const keys = keptKeys(clock);
  return {
    admits(clientId) {
      if (client === null || !documents()) return false;
      awaited.add(new URL(clientId).href);
      return true;
    },
    async fetch(input) {
      const url = new URL(input instanceof Request ? input.url : String(input)).href;
      if (client === null) throw new TypeError('documents of clients are not accepted');
      if (awaited.delete(url)) {
        const { status, headers, body } = await get(client, url);
        return new Response(status === 200 ? normalised(body) : '', { status, headers });
      }
      const { status, headers, body } = await keys(url, () => {
        if (!sets()) throw new TypeError('too many sets of keys are fetched');
        return get(client, url);
      });
      return new Response(status === 200 ? Buffer.from(body).toString() : '', { status, headers });
    },
  };
}

interface Fetched {
  readonly status: number;
  /** What says how long it counts. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

async function get(client: Client, url: string): Promise<Fetched> {
  const headers = { accept: 'application/json' };
  const answer = await client.request({ method: 'GET', url, headers });
  const kept = ['cache-control', 'expires', 'content-type'].flatMap((name) => {
    const value = answer.headers[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { status: answer.status, headers: Object.fromEntries(kept), body: answer.body };
}

/** Whether one more is let through in this minute. */
function perMinute(clock: Clock): () => boolean {
  let began = clock.monotonic();
  let count = 0;
  return () => {
    if (clock.monotonic() - began >= minute) {
      began = clock.monotonic();
      count = 0;
    }
    count += 1;
    return count <= mostPerMinute;
  };
}

/** Remembers answers, failures as well: a server that is down is not asked with every request. */
function keptKeys(clock: Clock): (url: string, ask: () => Promise<Fetched>) => Promise<Fetched> {
  const kept = new Map<string, { readonly at: number; readonly answer: Promise<Fetched> }>();
  return async (url, ask) => {
    const now = clock.monotonic();
    const known = kept.get(url);
    if (known && now - known.at < keysKept.milliseconds) return await known.answer;
    const answer = ask();
    kept.delete(url);
    kept.set(url, { at: now, answer });
    const [oldest] = kept.keys();
    if (kept.size > keysKept.sets && oldest !== undefined) kept.delete(oldest);
    return await answer;
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
  // Something else than a client's document.
  if (!document || document['client_id'] === undefined) return Buffer.from(octets).toString();
  const methods = document['token_endpoint_auth_methods_supported'];
  const method = document['token_endpoint_auth_method'] ?? (isNotPublic(methods) ? methods[0] : 'none');
  const { client_id, client_name, client_uri, client_secret, client_secret_expires_at, jwks, jwks_uri } =
    document;
  const own =
    method === 'self_signed_tls_client_auth' || method === 'private_key_jwt' ? { jwks, jwks_uri } : {};
  const algorithm = document['token_endpoint_auth_signing_alg'];
  const redirects = listOf(document['redirect_uris']);
  const grants = listOf(document['grant_types'] ?? ['authorization_code', 'refresh_token']);
  return JSON.stringify({
    client_id,
    client_name,
    client_uri,
    client_secret,
    client_secret_expires_at,
    ...own,
    ...(method === 'private_key_jwt' && { token_endpoint_auth_signing_alg: algorithm }),
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
