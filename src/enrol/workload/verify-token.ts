import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { UnverifiedToken } from './read-token.ts';
import type { WorkloadIssuer } from './workload-issuer.ts';

/** What a token that holds says. */
export interface VerifiedToken {
  readonly subject: string;
  /** Epoch milliseconds. */
  readonly endsAt: number;
}

/** Asymmetric ones only: whoever could check a MAC could make one. */
const algorithms = ['ES256', 'ES384', 'RS256', 'RS384', 'PS256', 'PS384', 'EdDSA', 'Ed25519'];
/** How far the clocks of two machines may differ, in milliseconds. */
export const skew = 30_000;

/**
 * Holds a token to the keys of its issuer and to what it says of itself (RFC 7519 §4.1): who issued it, for whom, from when
 * until when. Nothing of that is left to the library. Throws Fault `workload_refused`.
 */
export async function verifyToken(
  token: UnverifiedToken,
  issuer: Pick<WorkloadIssuer, 'known' | 'audience' | 'longestLife'>,
  keys: JSONWebKeySet,
  now: number,
): Promise<VerifiedToken> {
  await checkSignature(token, keys);
  const { iss, aud, exp, nbf, iat, sub } = token.claims;
  if (!('issuer' in issuer.known ? iss === issuer.known.issuer : isOfDomain(sub, issuer.known.trustDomain))) {
    throw refused('it is of another issuer');
  }
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(issuer.audience)) {
    throw refused(`it is not for ${JSON.stringify(issuer.audience)}; look at its audience`);
  }
  if (typeof sub !== 'string' || sub === '') throw refused('it has no subject');
  if (!isTime(exp)) throw refused('it does not say when it ends');
  if (exp * 1_000 + skew <= now) throw refused('it has ended');
  for (const [claim, value] of Object.entries({ nbf, iat })) {
    if (value === undefined) continue;
    if (!isTime(value)) throw refused(`its ${claim} is no time`);
    if (value * 1_000 - skew > now) throw refused('it is not valid yet');
  }
  const life = exp * 1_000 - (isTime(iat) ? iat * 1_000 : now);
  if (life > issuer.longestLife + skew) {
    throw refused(`it lives ${Math.round(life / 1_000)} s, and ${issuer.longestLife / 1_000} s are allowed`);
  }
  return { subject: sub, endsAt: exp * 1_000 + skew };
}

/** Throws Fault `workload_refused` for a token that none of the keys has signed. */
export async function checkSignature({ text }: UnverifiedToken, keys: JSONWebKeySet): Promise<void> {
  try {
    await compactVerify(text, createLocalJWKSet(keys), { algorithms });
  } catch (cause) {
    throw refused(`its signature does not hold (${errorText(cause)})`, cause);
  }
}

function refused(why: string, cause?: unknown): Fault {
  return new Fault('workload_refused', `The token is not accepted: ${why}.`, { cause });
}

/** Seconds since 1970 (RFC 7519 §2, NumericDate). */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 1e11;
}

/** Whether a subject is a SPIFFE ID of a trust domain. */
export function isOfDomain(subject: unknown, trustDomain: string): boolean {
  return typeof subject === 'string' && subject.startsWith(`spiffe://${trustDomain}/`);
}
