import type { JSONWebKeySet } from 'jose';
import type { TokenIssuer } from './token-rules.ts';

/** Port: the keys of issuers. */
export interface IssuerKeys {
  /**
   * The keys of an issuer, at once where they are known, and asked for again when `kid` is none of them. Throws Fault
   * `unavailable` when they cannot be had.
   */
  keysOf(issuer: TokenIssuer, kid: string | null): JSONWebKeySet | Promise<JSONWebKeySet>;
}

/** What tells one token from another, and what may end it. */
export interface EndableToken {
  readonly issuer: string;
  readonly tokenId: string | null;
  readonly grantId: string | null;
  readonly subject: string;
  /** The SPIFFE ID of the agent that presents it. */
  readonly agent: string;
  /** Epoch milliseconds. */
  readonly issuedAt: number | null;
}

/** Port: tokens that were ended before their time. Asked on every request, so it answers from memory. */
export interface EndedGrants {
  isEnded(token: EndableToken): boolean;
}

/** Port: DPoP proofs that were used. */
export interface ProofReplays {
  /**
   * Takes a proof: true for exactly one caller within so many milliseconds. Throws Fault `unavailable` when that cannot be
   * told, as of a proof that may have been used before the memory began.
   */
  take(proof: UsedProof): boolean | Promise<boolean>;
}

export interface UsedProof {
  /** Which agent showed it, so that none takes the room of others. */
  readonly agent: string;
  /** Names it: a hash. */
  readonly proof: string;
  /** Nobody can have used it before, epoch milliseconds. */
  readonly from: number;
  readonly milliseconds: number;
}
