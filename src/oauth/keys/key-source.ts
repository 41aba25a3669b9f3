import type { JSONWebKeySet, JWK } from 'jose';
import type { Client } from '../../http/fetch.ts';
import { isJsonArray, isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';

/** Where the keys of an issuer are. */
export interface KeyPlace {
  /** The URL of the key set, or of the issuer, whose OpenID configuration tells it. */
  readonly url: string;
  readonly discover: boolean;
}

/** How long keys count as the newest, and how long they are used while newer ones cannot be had, in milliseconds. */
const freshFor = 10 * 60_000;
const usableFor = 60 * 60_000;
/** How soon an unknown key makes us ask again, in milliseconds: strangers name keys as they like. */
const pause = 30_000;
const mostKeys = 64;

/**
 * The keys of an issuer, kept for a while. Keys that are taken away count for ten minutes more, or an hour when the issuer
 * does not answer; a new key is found at its first use.
 */
export class KeySource {
  private readonly place: KeyPlace;
  private readonly client: Client;
  private readonly clock: Clock;
  private had: { readonly keys: JSONWebKeySet; readonly at: number } | null = null;
  private asked = Number.NEGATIVE_INFINITY;
  private asking: Promise<JSONWebKeySet> | null = null;

  constructor(place: KeyPlace, client: Client, clock: Clock) {
    this.place = place;
    this.client = client;
    this.clock = clock;
  }

  /** At once while they are known and fresh; the same object as long as they are the same. Throws Fault `unavailable`. */
  keys(kid: string | null): JSONWebKeySet | Promise<JSONWebKeySet> {
    const now = this.clock.monotonic();
    const { had } = this;
    const known = had !== null && (kid === null || had.keys.keys.some((key) => key.kid === kid));
    if (had && known && now - had.at < freshFor) return had.keys;
    if (!this.asking && now - this.asked < pause) return this.kept(now);
    this.asking ??= this.ask(now);
    return this.asking.catch((error: unknown) => this.kept(now, error));
  }

  private async ask(now: number): Promise<JSONWebKeySet> {
    this.asked = now;
    try {
      const url = this.place.discover ? await this.discovered() : this.place.url;
      const found = readKeySet(await this.get(url));
      const same = this.had && JSON.stringify(this.had.keys) === JSON.stringify(found);
      const keys = same && this.had ? this.had.keys : found;
      this.had = { keys, at: now };
      return keys;
    } finally {
      this.asking = null;
    }
  }

  private kept(now: number, cause?: unknown): JSONWebKeySet {
    if (this.had && now - this.had.at < usableFor) return this.had.keys;
    const why = cause === undefined ? 'they could not be had a moment ago' : errorText(cause);
    const detail = `The keys at ${this.place.url} cannot be had: ${why}.`;
    throw new Fault('unavailable', detail, { cause, retryAfterMilliseconds: pause });
  }

  /** OpenID Connect Discovery 1.0 §4: the configuration names its issuer, exactly. */
  private async discovered(): Promise<string> {
    const { url } = this.place;
    const configuration = await this.get(`${url.replace(/\/$/, '')}/.well-known/openid-configuration`);
    const { issuer, jwks_uri: keys } = isJsonObject(configuration) ? configuration : {};
    if (issuer !== url) throw new Fault('unavailable', `The configuration at ${url} is of another issuer.`);
    if (typeof keys !== 'string' || !keys.startsWith('https://')) {
      throw new Fault('unavailable', `The configuration at ${url} names no keys over https.`);
    }
    return keys;
  }

  private async get(url: string): Promise<Json> {
    const answer = await this.client.request({ method: 'GET', url, headers: { accept: 'application/json' } });
    if (answer.status !== 200) throw new Fault('unavailable', `${url} answered ${answer.status}`);
    return answer.json();
  }
}

/** A JWK set (RFC 7517 §5) of public keys for signatures. Throws Fault `unavailable`. */
export function readKeySet(value: Json): JSONWebKeySet {
  const keys = isJsonObject(value) ? value['keys'] : null;
  if (!isJsonArray(keys)) throw new Fault('unavailable', 'It is no set of keys.');
  if (keys.length > mostKeys) throw new Fault('unavailable', `It holds more than ${mostKeys} keys.`);
  return { keys: keys.flatMap((key) => (isJsonObject(key) ? (signatureKey(key) ?? []) : [])) };
}

/** Which keys count: SPIFFE marks those of JWT-SVIDs with a use of their own (SPIFFE Trust Domain and Bundle §4.2.2). */
function signatureKey({ use, ...key }: Readonly<Record<string, Json>>): JWK | null {
  if (use !== undefined && use !== 'sig' && use !== 'jwt-svid') return null;
  // A key that everybody can read is not to be kept secret by us, and a symmetric one proves nothing.
  if (key['kty'] === 'oct' || key['d'] !== undefined) return null;
  return key;
}
