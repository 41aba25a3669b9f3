import type { JSONWebKeySet } from 'jose';
import type { TokenClaims } from './read-claims.ts';
import type { TokenIssuer } from './token-rules.ts';

/** A token whose signature held: by which issuer as it was configured, and by which of its key sets. */
export interface SignedToken {
  readonly claims: TokenClaims;
  readonly issuer: TokenIssuer;
  readonly kid: string | null;
  readonly keys: JSONWebKeySet;
}

/** Tokens whose signatures held, by the SHA-256 of the whole token. Nothing else about them is remembered. */
export interface SignatureCache {
  get(hash: string): SignedToken | undefined;
  put(hash: string, token: SignedToken): void;
}

/** The oldest makes room: nobody but an issuer can put one in. */
export function createSignatureCache(most: number): SignatureCache {
  const known = new Map<string, SignedToken>();
  return {
    get: (hash) => known.get(hash),
    put(hash, token) {
      known.delete(hash);
      known.set(hash, token);
      const [oldest] = known.keys();
      if (known.size > most && oldest !== undefined) known.delete(oldest);
    },
  };
}
