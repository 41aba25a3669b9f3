import type { Exchange } from '../../http/exchange.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { randomId } from '../../kernel/random.ts';
import { clientMetadata, isLoopback, listOf, readMetadata } from './client-metadata.ts';
import type { OauthRecords } from './oauth-records.ts';
import { perMinute } from './per-minute.ts';
import type { TokenRecord } from './token-record.ts';

/** What ids of clients that registered themselves begin with; neither a name of `clients.yaml` nor a URL can. */
const prefix = 'dcr:';

/** Whether a client is known by nothing but its own registration: nobody vouches for what it says. */
export function registeredItself(id: string): boolean {
  return id.startsWith(prefix);
}

export function newClientId(): string {
  return `${prefix}${randomId()}`;
}

/** How long a registration lives, in seconds: until somebody grants it something, and then as long as a refresh token may at the most. */
export const registrationLives = { unused: 3_600, used: 90 * 24 * 3_600 };

/** RFC 7591 §5: strangers write into our store here. */
const bounds = { perMinute: 10, clients: 1_000 };

/** Dynamic client registration (RFC 7591), which MCP 2026-07-28 keeps for those that know nothing better. */
export interface DynamicClients {
  /** The registration as the engine takes it; null when it was answered already. */
  admit(exchange: Exchange, body: Uint8Array): Promise<Uint8Array | null>;
}

export function dynamicClients(parts: {
  readonly records: Pick<OauthRecords, 'count'>;
  readonly record: Pick<TokenRecord, 'refused'>;
  readonly clock: Clock;
}): DynamicClients {
  const { records, record, clock } = parts;
  const oneMore = perMinute(clock, bounds.perMinute);
  const refuse = async (exchange: Exchange, { status, error, reason, wait = 0 }: Refusal): Promise<null> => {
    const who = { client: null, serial: null, address: exchange.connection.address };
    await record.refused({ endpoint: exchange.path, error, reason, ...who });
    const headers = {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(wait > 0 && { 'retry-after': String(wait) }),
    };
    await exchange.respond(status, headers, JSON.stringify({ error, error_description: reason }));
    return null;
  };
  return {
    async admit(exchange, body) {
      // What else is wrong with a method or a body the engine says.
      if (exchange.method !== 'POST') return body;
      if ((await records.count('Client', clock.now())) >= bounds.clients) return await refuse(exchange, full);
      if (!oneMore()) return await refuse(exchange, hasty);
      const said = readMetadata(body);
      if (!said) return body;
      const metadata = clientMetadata(said);
      if (!listOf(metadata['redirect_uris']).every(isSafePlace)) return await refuse(exchange, unsafe);
      return Buffer.from(JSON.stringify(metadata));
    },
  };
}

interface Refusal {
  readonly status: number;
  readonly error: string;
  readonly reason: string;
  /** How long to wait, in seconds. */
  readonly wait?: number;
}

/** RFC 6585 §4. */
const busy = { status: 429, error: 'temporarily_unavailable' };
const full = { ...busy, reason: 'too many clients have registered themselves', wait: 3_600 };
const hasty = { ...busy, reason: 'too many clients register themselves in this minute', wait: 60 };
/** RFC 7591 §3.2.2. */
const unsafe = {
  status: 400,
  error: 'invalid_redirect_uri',
  reason: 'a redirect URI has to be of https, or of http at a loopback address',
};

/** OAuth 2.1 §1.5: a code goes over TLS, or does not leave the machine. */
function isSafePlace(redirect: Json): boolean {
  return typeof redirect === 'string' && (isLoopback(redirect) || /^https:\/\/[^/]/.test(redirect));
}
