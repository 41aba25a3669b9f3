import { decodeProtectedHeader, type JSONWebKeySet } from 'jose';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import { refused } from '../person/read-person.ts';
import type { UnverifiedToken } from '../workload/read-token.ts';
import { checkSignature, skew } from '../workload/verify-token.ts';

/** Who is logged out: an account, a session at the provider, or both. */
export interface LoggedOut {
  readonly subject: string | null;
  readonly session: string | null;
  /** Until when the same token is refused as used, in epoch milliseconds. */
  readonly endsAt: number;
}

const event = 'http://schemas.openid.net/event/backchannel-logout';
/** A logout is told when it happens. */
const freshFor = 5 * 60_000;

/** OpenID Connect Back-Channel Logout 1.0 §2.6, step by step. Throws Fault `workload_refused` or `login_refused`. */
export async function verifyLogoutToken(
  token: UnverifiedToken,
  expected: { readonly issuer: string; readonly client: string; readonly now: number },
  keys: JSONWebKeySet,
): Promise<LoggedOut> {
  const { issuer, client, now } = expected;
  await checkSignature(token, keys);
  const { iss, aud, iat, exp, jti, sub, sid, nonce, events } = token.claims;
  const { typ = 'JWT' } = decodeProtectedHeader(token.text);
  if (!['logout+jwt', 'jwt'].includes(typ.toLowerCase())) throw refused('it is no logout token');
  if (iss !== issuer) throw refused('it is of another issuer');
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(client)) throw refused('it is not for us');
  if (!isTime(iat) || iat * 1_000 - skew > now || now - iat * 1_000 > freshFor + skew) {
    throw refused('it was not made just now');
  }
  if (!isTime(exp) || exp * 1_000 + skew <= now) throw refused('it has ended');
  if (typeof jti !== 'string' || jti === '') throw refused('it has no jti');
  if (!isJsonObject(events ?? null) || !Object.hasOwn(events as object, event)) {
    throw refused('it says of no logout');
  }
  // An ID token is none, whatever else stands in it.
  if (nonce !== undefined) throw refused('it has a nonce, so it is an ID token');
  const subject = typeof sub === 'string' && sub !== '' ? sub : null;
  const session = typeof sid === 'string' && sid !== '' ? sid : null;
  if (subject === null && session === null) throw refused('it says of nobody');
  return { subject, session, endsAt: Math.max(exp * 1_000, iat * 1_000 + freshFor) + 2 * skew };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 1e11;
}
