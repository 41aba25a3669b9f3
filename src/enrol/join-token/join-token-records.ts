import type { LeafKind } from '../../x509/leaf-profile.ts';

/** A join token as stored: the secret itself is never kept. Times are epoch milliseconds. */
export interface JoinTokenRecord {
  readonly id: string;
  /** base64url SHA-256 of the secret. */
  readonly secretHash: string;
  readonly name: string;
  readonly kind: LeafKind;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly redeemedAt: number | null;
  readonly createdBy: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** Port: the join tokens that were made. */
export interface JoinTokenRecords {
  /** Throws Fault `conflict` if the id exists. */
  add(record: JoinTokenRecord): Promise<void>;
  /**
   * One atomic compare-and-set: id and hash match, never redeemed, `now < expiresAt`. Exactly one caller ever gets the
   * record (with `redeemedAt` set); every other call resolves to null.
   */
  redeem(id: string, secretHash: string, now: number): Promise<JoinTokenRecord | null>;
  /** Ends every token of the name and of one of the kinds that is neither used nor over. How many those were. */
  withdraw(name: string, kinds: readonly LeafKind[], now: number): Promise<number>;
  /** Oldest first. */
  list(): Promise<readonly JoinTokenRecord[]>;
}
