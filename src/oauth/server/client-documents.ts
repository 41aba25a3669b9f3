import type { Client } from '../../http/fetch.ts';
import type { Clock } from '../../kernel/clock.ts';
import { clientMetadata, readMetadata } from './client-metadata.ts';
import { perMinute } from './per-minute.ts';

/** Where the documents come from that clients say who they are with (draft-ietf-oauth-client-id-metadata-document). */
export interface ClientDocuments {
  /** Whether a client id that is a URL is looked at; each look makes us connect to where a stranger says. */
  admits(clientId: string): boolean;
  readonly fetch: typeof fetch;
}

/** RFC 6585 §4 in spirit: strangers may make us fetch so many documents in a minute, together, and as many sets of keys. */
const mostPerMinute = 60;
/** How long a set of keys counts, in milliseconds, and how many are kept: a new key is found a minute later. */
const keysKept = { milliseconds: 60_000, sets: 100 };

/**
 * Documents fetched through the guarded client, which resolves a name once, looks at every address, connects to none that
 * is not public, follows no redirect and reads no more than it is told to. The keys of clients come the same way, and are kept:
 * every request of a client needs them. Null for the client when no documents are accepted.
 */
export function clientDocuments(client: Client | null, clock: Clock): ClientDocuments {
  const [documents, sets] = [perMinute(clock, mostPerMinute), perMinute(clock, mostPerMinute)];
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

/**
 * A document as the engine takes it. What would make a document false stays, for the engine to refuse: its own name, secrets,
 * methods with secrets. Octets that are no client's document are passed on as they are.
 */
function normalised(octets: Uint8Array): string {
  const document = readMetadata(octets);
  if (!document || document['client_id'] === undefined) return Buffer.from(octets).toString();
  const { client_id, client_secret, client_secret_expires_at } = document;
  return JSON.stringify({
    client_id,
    client_secret,
    client_secret_expires_at,
    ...clientMetadata(document),
  });
}
