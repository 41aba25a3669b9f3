import { createLocalJWKSet, jwtVerify } from 'jose';
import type { Clock } from '../../kernel/clock.ts';
import type { OauthRecords, TokenEnd } from './oauth-records.ts';
import type { TokenKeys } from './token-keys.ts';

/** The claims of an access token of ours (RFC 9068 §2.2). */
export interface TokenClaims {
  readonly iss: string;
  readonly jti: string;
  readonly gid: string;
  readonly sub: string;
  readonly client_id: string;
  readonly aud: string;
  readonly scope?: string;
  readonly iat: number;
  readonly exp: number;
  readonly cnf?: { readonly jkt?: string; readonly 'x5t#S256'?: string };
  readonly act?: { readonly sub: string };
  readonly [name: string]: unknown;
}

/** Whether a text has the form of a JWT: no other token of ours has. */
export function isStructured(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

/**
 * The claims of an access token that was issued here and is not over, or null. Whether it was ended before its time is
 * another question.
 */
export async function readOwnToken(
  token: string,
  { issuer, keys, clock }: { readonly issuer: string; readonly keys: TokenKeys; readonly clock: Clock },
): Promise<TokenClaims | null> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [...keys.publicKeys()] as never }), {
      issuer,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      currentDate: new Date(clock.now()),
      requiredClaims: ['jti', 'gid', 'sub', 'client_id', 'aud', 'iat', 'exp'],
    });
    return payload as unknown as TokenClaims;
  } catch {
    return null;
  }
}

/** Whether a token was ended before its time: itself, its grant, or all of its person or agent. */
export async function isEnded(
  { jti, gid, sub, act, client_id, iat }: TokenClaims,
  { records, clock }: { readonly records: Pick<OauthRecords, 'ends'>; readonly clock: Clock },
): Promise<boolean> {
  const names: Readonly<Record<TokenEnd['kind'], readonly string[]>> = {
    token: [jti],
    grant: [gid],
    person: [sub],
    agent: [act?.sub ?? client_id],
  };
  const ends = await records.ends(clock.now());
  return ends.some(({ kind, key, before }) => names[kind].includes(key) && iat * 1_000 <= before);
}
