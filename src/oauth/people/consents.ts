import { sha256Base64url } from '../../kernel/bytes.ts';
import { canonicalJson } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { InteractionDetails } from '../server/interactions.ts';
import { isLoopback, redirectPlace } from './redirect-place.ts';

/** What a person said yes to. Times in epoch milliseconds. */
export interface Consent {
  readonly person: string;
  /** See `consentKey`. */
  readonly key: string;
  readonly client: string;
  readonly clientName: string | null;
  /** See `redirectPlace`. */
  readonly redirect: string;
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly givenAt: number;
  readonly expiresAt: number;
}

/** Port: consents that are remembered. */
export interface Consents {
  /** Keeps one in place of the one before with the same key; what is over is forgotten. */
  put(consent: Consent): Promise<void>;
  /** Whether this person gave this one after they were last revoked, and it is not over at `now`. */
  has(person: string, key: string, now: number): Promise<boolean>;
  /** Those that are not over, the newest first. */
  list(person: string, now: number): Promise<readonly Consent[]>;
  /** Takes back what the person allowed a client; how many that were. */
  withdraw(person: string, client: string): Promise<number>;
}

/** How long a yes is remembered. */
const consentLife = 30 * 24 * 3_600_000;

/**
 * Everything that a yes is about, as one value: another client, document of the client, place to be sent back to, server, agent or scope is
 * another question.
 */
export function consentKey(person: string, asked: InteractionDetails): string {
  const { client, redirectUri, scopes, resources, agent, authorizationDetails } = asked;
  return sha256Base64url(
    canonicalJson({
      person,
      client: client.id,
      name: client.name,
      document: client.documentHash,
      redirect: redirectUri === null ? null : redirectPlace(redirectUri),
      scopes: [...scopes].sort(),
      resources: [...resources].sort(),
      agent,
      authorizationDetails: [...authorizationDetails],
    }),
  );
}

/**
 * Whether a yes of before counts for a request. Not where anybody may be the client: any program on the person's machine can call itself this
 * one and listen on loopback, or take over the scheme of an application (RFC 8252 §8.6). Nor for a device, which may be anybody's.
 */
export function mayRemember({ redirectUri, client, asksAgain }: InteractionDetails): boolean {
  if (asksAgain || redirectUri === null) return false;
  return client.proven || (redirectUri.startsWith('https://') && !isLoopback(redirectUri));
}

/** Remembers a yes. */
export async function remember(
  person: string,
  asked: InteractionDetails,
  { consents, clock }: { readonly consents: Consents; readonly clock: Clock },
): Promise<void> {
  const { client, redirectUri, scopes, resources } = asked;
  const givenAt = clock.now();
  await consents.put({
    person,
    key: consentKey(person, asked),
    client: client.id,
    clientName: client.name,
    redirect: redirectPlace(redirectUri ?? ''),
    scopes,
    resources,
    givenAt,
    expiresAt: givenAt + consentLife,
  });
}
