import { decodeProtectedHeader, type JSONWebKeySet } from 'jose';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { UnverifiedToken } from '../workload/read-token.ts';
import { skew, verifyToken } from '../workload/verify-token.ts';
import type { Login } from './login-records.ts';
import type { PersonProvider } from './person-provider.ts';
import { readClaims, readPerson, refused } from './read-person.ts';

/** How old an ID token may be: it is shown as soon as it is had. */
const freshFor = 10 * 60_000;
const longestLife = 24 * 3_600_000;

/** A login whose token holds, until its end in epoch milliseconds. */
export interface VerifiedLogin {
  readonly login: Login;
  readonly endsAt: number;
}

/**
 * Holds an ID token to the keys of its provider and to OpenID Connect Core 1.0 §3.1.3.7: made for our client, just now, for the
 * holder of the key that the request is for. `keyHash` is base64url(SHA-256(SubjectPublicKeyInfo)). Throws Fault
 * `workload_refused` or `login_refused`.
 */
export async function verifyLogin(
  token: UnverifiedToken,
  provider: PersonProvider,
  keys: JSONWebKeySet,
  expected: { readonly keyHash: string; readonly now: number },
): Promise<VerifiedLogin> {
  const { now } = expected;
  const { issuer, client } = provider;
  const rules = { known: { issuer }, audience: client, longestLife };
  const { subject, endsAt } = await verifyToken(token, rules, keys, now);
  const { claims } = token;
  checkKind(token);
  checkAudience(claims, client);
  checkNonce(claims, provider, expected.keyHash);
  const issuedAt = seconds(claims, 'iat');
  if (issuedAt === null || now - issuedAt > freshFor + skew) {
    throw refused(`its token is older than ${freshFor / 60_000} minutes; log in again`);
  }
  const login = {
    person: readPerson(claims, provider),
    provider: provider.name,
    issuer,
    subject,
    claims: readClaims(claims, provider),
    at: now,
    authenticatedAt: authenticatedAt(claims, provider, issuedAt, now),
  };
  checkMembership(login, provider);
  return { login, endsAt };
}

/** An ID token, and not another JWT of the provider for the same client (RFC 8725 §3.11, §3.12). */
function checkKind({ text, claims }: UnverifiedToken): void {
  const { typ = 'JWT' } = decodeProtectedHeader(text);
  if (typ.toUpperCase() !== 'JWT') throw refused('it is no ID token');
  // Keycloak says in the claims what a token is. OpenID Connect Back-Channel Logout 1.0 §2.4 has events.
  if ((claims['typ'] ?? 'ID') !== 'ID' || claims['events'] !== undefined) throw refused('it is no ID token');
}

function checkAudience({ aud, azp }: JsonObject, client: string): void {
  const several = Array.isArray(aud) && aud.length > 1;
  if (azp === undefined ? several : azp !== client)
    throw refused('its token was given to another client (azp)');
}

/** OpenID Connect Core 1.0 §15.5.2: the nonce ties the token to whoever began the login, and here to their key. */
function checkNonce({ nonce }: JsonObject, provider: PersonProvider, keyHash: string): void {
  if (nonce === undefined && provider.withoutNonce) return;
  if (nonce === undefined) {
    throw refused(
      'its token has no nonce. If the provider leaves it out in the device flow, log in with a browser, or see withoutNonce',
    );
  }
  if (nonce !== keyHash) throw refused('its token is for another key');
}

function authenticatedAt(
  claims: JsonObject,
  { authenticatedWithin }: PersonProvider,
  issuedAt: number,
  now: number,
): number {
  const at = seconds(claims, 'auth_time');
  if (authenticatedWithin === null) return at ?? issuedAt;
  if (at === null) throw refused('the provider does not say when you authenticated (auth_time)');
  if (at > now + skew) throw refused('its auth_time is in the future');
  if (now - at > authenticatedWithin + skew) {
    throw refused('you authenticated at the provider too long ago; run the command with --again');
  }
  return at;
}

/** Throws Fault `login_refused` for somebody who is in none of the groups that have to be. */
export function checkMembership(
  { claims }: Pick<Login, 'claims'>,
  { members, groups }: PersonProvider,
): void {
  if (members.length === 0 || members.some((group) => claims[groups]?.includes(group))) return;
  throw refused('you are in none of the groups whose members may log in here');
}

/** A NumericDate (RFC 7519 §2) in epoch milliseconds, or null. */
function seconds(claims: JsonObject, claim: string): number | null {
  const value = claims[claim];
  return typeof value === 'number' && value >= 0 && value < 1e11 ? value * 1_000 : null;
}
