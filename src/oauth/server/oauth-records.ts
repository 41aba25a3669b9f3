/** One thing that the authorization server remembers: a code, a refresh token, a grant, a session, …. Times are epoch milliseconds. */
export interface OauthEntry {
  /** What kind of thing, as the engine calls it. */
  readonly model: string;
  /** A keyed hash of its id: who reads the store can redeem nothing. */
  readonly id: string;
  /** Its content, encrypted. */
  readonly sealed: string;
  readonly grantId: string | null;
  /** Keyed hashes of the other names that it is found by. */
  readonly uid: string | null;
  readonly userCode: string | null;
  /** Who gave the grant, to which client, and which agent (SPIFFE ID) holds what came of it. */
  readonly person: string | null;
  readonly client: string | null;
  readonly agent: string | null;
  /** The id of the refresh token that this one came of. */
  readonly replaces: string | null;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  /** When it was used up, and when it was used once more. */
  readonly consumedAt: number | null;
  readonly retriedAt: number | null;
}

/** An entry before it was used. */
export type NewOauthEntry = Omit<OauthEntry, 'consumedAt' | 'retriedAt'>;

/** An access token that went out: everything but itself. Times are epoch milliseconds. */
export interface IssuedToken {
  /** `jti`. */
  readonly id: string;
  /** `gid`; of a token that no grant stands behind, its own id. */
  readonly grantId: string;
  readonly client: string;
  readonly agent: string | null;
  readonly person: string | null;
  readonly resource: string;
  readonly scopes: readonly string[];
  /** How the holder proves that it is theirs. */
  readonly binding: 'mtls' | 'dpop' | 'bearer';
  readonly grantType: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** What a token is ended by: itself, its grant, the person who gave it or the agent that holds it. */
export type TokenEndKind = 'token' | 'grant' | 'person' | 'agent';

/** Tokens that count no longer, although they are not over yet. Times are epoch milliseconds. */
export interface TokenEnd {
  readonly kind: TokenEndKind;
  /** `jti`, `gid`, `sub`, or the SPIFFE ID of an agent. */
  readonly key: string;
  /** Those issued until then; whatever comes of a later login counts. */
  readonly before: number;
  /** From then on no such token is left. */
  readonly until: number;
}

/** A private signing key, encrypted, and its public half as a JWK. Times are epoch milliseconds. */
export interface KeptTokenKey {
  readonly kid: string;
  readonly publicJwk: string;
  readonly sealed: string;
  readonly createdAt: number;
  /** When another key began to sign; null for the one that signs. */
  readonly retiredAt: number | null;
}

/** How long a token may still be believed once it is over, at most, in milliseconds: its life and every clock difference. */
export const tokenAfterglow = 360_000;

/** A grant that lives, whoever gave it. Times are epoch milliseconds. */
export interface LiveGrant {
  /** `gid` of its tokens. */
  readonly id: string;
  readonly person: string | null;
  readonly client: string | null;
  /** The agent that holds a refresh token of it; null when none does. */
  readonly agent: string | null;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

/** What a person agreed to once. Times are epoch milliseconds. */
export interface PersonGrant {
  readonly grantId: string;
  readonly client: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

/** Port: what the authorization server remembers. Every promise resolves only when the change is durable. */
export interface OauthRecords {
  /** Adds an entry or replaces its content; that it was used stays. Drops some that are long over. */
  put(entry: NewOauthEntry): Promise<void>;
  /** Adds an entry unless there is one; whether it was added. */
  putOnce(entry: NewOauthEntry): Promise<boolean>;
  find(model: string, id: string): Promise<OauthEntry | null>;
  findBy(model: string, name: 'uid' | 'userCode', value: string): Promise<OauthEntry | null>;
  /** Uses an entry up; of many callers, in any process, one gets true. */
  consume(model: string, id: string, now: number): Promise<boolean>;
  /**
   * Uses an entry up once more that was used since the given time, once, and only while nothing that came of it was used; what
   * came of it is dropped.
   */
  retry(model: string, id: string, now: number, since: number): Promise<boolean>;
  remove(model: string, id: string): Promise<void>;
  /** How many there are of a model that are not over. */
  count(model: string, now: number): Promise<number>;
  /** Notes a token before it goes out. Drops those that are over. */
  noteIssued(token: IssuedToken): Promise<void>;
  issued(now: number): Promise<readonly IssuedToken[]>;
  /** Every grant that is not over, in the order of their times. */
  liveGrants(now: number): Promise<readonly LiveGrant[]>;
  /** Ends tokens, tells the gateways, and drops what new ones could come of. */
  end(end: TokenEnd): Promise<void>;
  /** What a person agreed to that is not over, the newest first. */
  grants(person: string, now: number): Promise<readonly PersonGrant[]>;
  /** The ends that may still meet a token. */
  ends(now: number): Promise<readonly TokenEnd[]>;
  /** The signing keys, the newest first. */
  keys(): Promise<readonly KeptTokenKey[]>;
  /** Adds a key and retires the others, unless the newest is another than expected; whether it was added. */
  addKey(key: KeptTokenKey, after: string | null): Promise<boolean>;
  /** Drops keys that were retired before. */
  dropKeys(retiredBefore: number): Promise<void>;
}
