import type { JSONWebKeySet } from 'jose';
import type { Json } from '../../kernel/canonical-json.ts';
import type { KeyPlace } from '../keys/key-source.ts';
import type { AlgorithmName } from './algorithms.ts';

/** How a token is tied to whoever presents it; `bearer` is not at all. */
export type Binding = 'mtls' | 'dpop' | 'paired' | 'bearer';

/** What `tokens.yaml` says. Servers that it does not name work by certificate alone. */
export interface FileTokenRules {
  readonly issuers: readonly TokenIssuer[];
  readonly servers: ReadonlyMap<string, ServerTokenRule>;
  /** Of the endpoint of all servers; null when no server demands a token. */
  readonly allServers: ServerTokenRule | null;
  /** Whether the endpoint of all servers is for those without a token too, who then see only the servers that need none. */
  readonly allServersOptional: boolean;
}

/** The rules in force at a gateway. */
export interface TokenRules extends FileTokenRules {
  /** Where agents reach the gateways, such as `https://mcp.example.internal:8443`: the beginning of every resource. */
  readonly gateway: string;
}

/** What rules, policies and the log call the authority's own authorization server. */
export const ownIssuer = 'countersign';

/** Whose tokens count, and how they are read. */
export interface TokenIssuer {
  /** What refusals and the log call it. */
  readonly name: string;
  /** Its `iss`, compared octet by octet (RFC 8414 §2, RFC 9207 §2.4). */
  readonly issuer: string;
  readonly keys: IssuerKeyPlace;
  /** The `typ` of its access tokens: RFC 9068 §2.1, or what an issuer from before it writes. */
  readonly type: 'at+jwt' | 'JWT';
  readonly algorithms: ReadonlySet<AlgorithmName>;
  /** Whether `aud` may name others beside the resource. */
  readonly audience: 'exact' | 'among';
  /** How long a token may live, in milliseconds. */
  readonly longestLife: number;
  /** Where a token says which person it is for, as a JSON Pointer. */
  readonly personAt: string;
  /** What stands before the names of its persons, so that those of two issuers are never one. */
  readonly personPrefix: string;
  /** Scopes that claims give besides those in `scope`. */
  readonly scopeRules: readonly ScopeRule[];
  /** Which clients may use tokens without a binding beside which agents. */
  readonly pairs: readonly ClientPair[];
}

/** Where the keys of an issuer come from. */
export type IssuerKeyPlace =
  | { readonly kind: 'set'; readonly set: JSONWebKeySet }
  | {
      readonly kind: 'place';
      readonly place: KeyPlace;
      /** PEM of the only authorities that vouch for its server; null for those of the system. */
      readonly authorities: string | null;
      /** Whether its server may have an address that is not public. */
      readonly privateAddresses: boolean;
    };

export interface ScopeRule {
  /** Values that a claim must have one of, by its JSON Pointer. */
  readonly claims: ReadonlyMap<string, readonly Json[]>;
  readonly scopes: readonly string[];
}

export interface ClientPair {
  readonly clients: ReadonlySet<string>;
  /** Null for any. */
  readonly agents: ReadonlySet<string> | null;
  readonly roles: ReadonlySet<string> | null;
}

/** What a server wants of tokens. */
export interface ServerTokenRule {
  readonly bindings: ReadonlySet<Binding>;
  /** The names of issuers whose tokens count; null for all. */
  readonly issuers: ReadonlySet<string> | null;
  /** Needed for every request. */
  readonly scopes: readonly string[];
  /** What a client without a token is told to ask for. */
  readonly asked: readonly string[];
  readonly demands: readonly Demand[];
}

/** What some calls need besides. */
export interface Demand {
  /** MCP methods. */
  readonly methods: ReadonlySet<string>;
  /** Names of tools, or their beginnings with `*`; null for whatever the methods are about. */
  readonly tools: readonly string[] | null;
  readonly scopes: readonly string[];
  /** The `acr` must be one of these; null for any. */
  readonly acr: readonly string[] | null;
  /** How long ago the person may have logged in, in milliseconds; null for any time. */
  readonly maxAge: number | null;
  /** The scope to ask for when the login is not good enough, for clients that know nothing of RFC 9470; null for none. */
  readonly stepUpScope: string | null;
}

/** The resource of a server (RFC 8707 §2), or of all servers together. */
export function resourceOf({ gateway }: Pick<TokenRules, 'gateway'>, server: string | null): string {
  return server === null ? `${gateway}/mcp` : `${gateway}/mcp/${server}`;
}

/** The life that the authority's own tokens have at the most, in milliseconds. */
const ownLongestLife = 5 * 60_000;

/** The authority's own authorization server as an issuer: what it issues needs no entry in `tokens.yaml`. */
export function ownTokenIssuer(issuer: string, keys: IssuerKeyPlace): TokenIssuer {
  return Object.freeze({
    name: ownIssuer,
    issuer,
    keys,
    type: 'at+jwt',
    algorithms: new Set(['ES256'] as const),
    audience: 'exact',
    longestLife: ownLongestLife,
    personAt: '/sub',
    personPrefix: '',
    scopeRules: [],
    pairs: [],
  } as const);
}

/** Where no server wants a token. */
export const noTokens: FileTokenRules = Object.freeze({
  issuers: Object.freeze([]),
  servers: new Map(),
  allServers: null,
  allServersOptional: true,
});
