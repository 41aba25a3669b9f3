import type { Caller } from '../../identity/caller.ts';
import type { TokenClaims } from './read-claims.ts';
import type { Binding, TokenIssuer } from './token-rules.ts';

const seal = Symbol('grant');

/** What was found out about a token besides its claims. */
export interface GivenToken {
  readonly issuer: TokenIssuer;
  readonly audience: string;
  readonly binding: Binding;
  readonly caller: Caller;
  /** As it was presented. */
  readonly token: string;
}

/**
 * Proof that the holder of a connection may use what a person or a client was granted: a token of a known issuer, for this
 * resource, bound to the connection or paired with its agent. Only `verifyToken` makes one.
 */
export class Grant {
  /** The `iss`. */
  readonly issuer: string;
  /** What we call the issuer. */
  readonly issuerName: string;
  readonly subject: string;
  /** The person as policies and the log name them; null for a client on its own account. */
  readonly person: string | null;
  readonly client: string | null;
  readonly scopes: readonly string[];
  /** The resource that the token is for. */
  readonly audience: string;
  readonly grantId: string | null;
  readonly tokenId: string | null;
  readonly binding: Binding;
  /** Who acts for the subject, the nearest first. */
  readonly actors: readonly string[];
  /** Epoch milliseconds, as are the other times. */
  readonly authenticatedAt: number | null;
  readonly acr: string | null;
  readonly issuedAt: number | null;
  readonly expiresAt: number;
  /** The SPIFFE ID of the agent that presented it. */
  readonly agent: string;

  // A private member makes the type nominal: an object of the same shape is not a Grant.
  readonly #proof = true;
  // Hidden, so that no record and no log line has it by accident.
  readonly #token: string;

  private constructor(key: typeof seal, claims: TokenClaims, given: GivenToken) {
    if (key !== seal) throw new TypeError('A Grant is only made by verifyToken.');
    this.issuer = given.issuer.issuer;
    this.issuerName = given.issuer.name;
    this.subject = claims.subject;
    this.person = claims.person;
    this.client = claims.client;
    this.scopes = claims.scopes;
    this.audience = given.audience;
    this.grantId = claims.grantId;
    this.tokenId = claims.tokenId;
    this.binding = given.binding;
    this.actors = claims.actors;
    this.authenticatedAt = claims.authenticatedAt;
    this.acr = claims.acr;
    this.issuedAt = claims.issuedAt;
    this.expiresAt = claims.expiresAt;
    this.agent = given.caller.spiffeId;
    this.#token = given.token;
    Object.freeze(this);
  }

  /** For `verifyToken` alone, once everything is checked. */
  static of(claims: TokenClaims, given: GivenToken): Grant {
    return new Grant(seal, claims, given);
  }

  /** The token itself, to be exchanged at an authorization server (RFC 8693); it goes to no MCP server. */
  static subjectTokenOf(grant: Grant): string {
    return grant.#token;
  }

  /** Whether a value is a Grant that this module made. */
  static proves(value: object): value is Grant {
    return #proof in value && value.#proof;
  }
}
