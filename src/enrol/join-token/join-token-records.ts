import type { AgentRecord } from '../../identity/agent-record.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';

/** A join token as stored: the secret itself is never kept. Times are epoch milliseconds. */
export interface JoinTokenRecord {
  readonly id: string;
  /** base64url SHA-256 of the secret. */
  readonly secretHash: string;
  /** The one name it is for; of a batch token the pattern of its names, with one `*`. */
  readonly name: string;
  readonly kind: LeafKind;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** When it was last used. */
  readonly redeemedAt: number | null;
  readonly createdBy: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** What makes it a batch token, or null. */
  readonly batch: Batch | null;
}

/** What a batch token is good for: so many names that nobody has had. */
export interface Batch {
  readonly count: number;
  readonly used: number;
  /** Who answers for the agents that it registers, what they are for and may do. */
  readonly owner: string;
  readonly purpose: string;
  readonly roles: readonly string[];
}

/** Port: the join tokens that were made. */
export interface JoinTokenRecords {
  /** Throws Fault `conflict` if the id exists. */
  add(record: JoinTokenRecord): Promise<void>;
  /** The token with this id and hash while it can be used, or null. It stays good. */
  find(id: string, secretHash: string, now: number): Promise<JoinTokenRecord | null>;
  /**
   * Uses a token for a name, in one atomic step: of any number of callers as many succeed as it has uses left. False when it
   * cannot be used any more. A batch token gives a name once, and none that had a certificate of the kind; `agent` is
   * registered with it. Throws Fault `conflict` for a name that was given before; nothing is used then.
   */
  use(
    id: string,
    forName: { readonly name: string; readonly agent: AgentRecord | null },
    now: number,
  ): Promise<boolean>;
  /** Ends every token of the name and of one of the kinds that is neither used up nor over. How many those were. */
  withdraw(name: string, kinds: readonly LeafKind[], now: number): Promise<number>;
  /** Ends every batch token whose agents the owner answers for. How many those were. */
  withdrawOwned(owner: string, now: number): Promise<number>;
  /** Ends one token; false when it was used up or over before. Throws Fault `not_found`. */
  end(id: string, now: number): Promise<boolean>;
  /** Oldest first. */
  list(): Promise<readonly JoinTokenRecord[]>;
}

/** Whether a token can still be used. */
export function isOpen(record: JoinTokenRecord, now: number): boolean {
  const left = record.batch ? record.batch.used < record.batch.count : record.redeemedAt === null;
  return left && now < record.expiresAt;
}
