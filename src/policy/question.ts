import type { JsonObject } from '../kernel/canonical-json.ts';
import type { Ask } from './rule.ts';

/** An authority that was passed on to the agent (draft-pidlisnyi-aps), as far as policies can look at it. */
export interface DelegatedAuthority {
  /** Who began the chain of delegations. */
  readonly issuer: string;
  /** What the call asks for, each granted by the chain. */
  readonly scopes: readonly string[];
  readonly values: readonly string[];
  /** 0 to 100. */
  readonly reputation: number;
  readonly reversibility: string;
}

/** May this agent do this, to this, now? Everything that a policy can look at. */
export interface Question {
  readonly agent: { readonly name: string; readonly owner: string; readonly roles: readonly string[] };
  /** The MCP method, such as 'tools/call'. */
  readonly action: string;
  /** The name of the MCP server. */
  readonly server: string;
  readonly target:
    | { readonly kind: 'tool' | 'prompt'; readonly name: string }
    | { readonly kind: 'resource'; readonly uri: string }
    | { readonly kind: 'server' };
  readonly context: {
    /** Null when they are not known, as for an item of a list; `decide` then takes them to be empty. */
    readonly arguments: JsonObject | null;
    /** Epoch milliseconds. */
    readonly time: number;
    /** The address that the caller connects from. */
    readonly address: string;
    /** The leaf profile of the caller's certificate, such as 'agent'. */
    readonly profile: string;
    /** How the agent proved who it is: by its certificate alone, or how its token is bound besides. */
    readonly binding: 'certificate' | 'mtls' | 'dpop' | 'paired' | 'bearer';
    /** The person that the token is for; null without one. */
    readonly person: string | null;
    /** The OAuth client of the token; null without one. */
    readonly client: string | null;
    readonly scopes: readonly string[];
    /** How the person logged in, where the token says it. */
    readonly acr: string | null;
    /** Who acts for the subject of the token (RFC 8693 §4.1), the nearest first: `actor`, and all as `actors`. */
    readonly actors: readonly string[];
    /** Where the key of the certificate is: `hardware` when its device attested that. */
    readonly key: 'hardware' | 'unknown';
    /** What the operator says of the target: `private`, `public-sink`, …. */
    readonly labels: readonly string[];
    /** The labels of what this agent has used for this person in this task. */
    readonly touched: readonly string[];
    /** What an Agent Passport lets the agent do in this call; null without one. */
    readonly passport: DelegatedAuthority | null;
  };
}

/** What a question says of tokens and passports where there are none. */
export const withoutToken = Object.freeze({
  binding: 'certificate',
  person: null,
  client: null,
  scopes: Object.freeze([]),
  acr: null,
  actors: Object.freeze([]),
  passport: null,
} as const satisfies Partial<Question['context']>);

/** A policy that asks for an approval, and why. */
export interface Asking extends Ask {
  readonly policy: string;
}

/** What a question says of labels where there are none. */
export const withoutLabels = Object.freeze({
  labels: Object.freeze([]),
  touched: Object.freeze([]),
} as const satisfies Partial<Question['context']>);

/** What the policies say, by which policies, in which version. A refusal says why in a sentence. */
export type Decision =
  | { readonly outcome: 'permit'; readonly policies: readonly string[]; readonly version: string }
  | {
      /** Permitted, once a person has approved this very request. */
      readonly outcome: 'ask';
      /** The policies that ask; the ones that permit are `permits`. */
      readonly policies: readonly string[];
      readonly permits: readonly string[];
      readonly asks: readonly Asking[];
      readonly detail: string;
      readonly version: string;
    }
  | {
      readonly outcome: 'deny';
      readonly reason: 'no_policy_permits' | 'forbidden' | 'policy_error';
      /** The policies that forbid, or that failed; none when no policy permits. */
      readonly policies: readonly string[];
      readonly detail: string;
      readonly version: string;
    };
