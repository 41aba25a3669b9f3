import type { AgentNames } from './agent-names.ts';
import type { RoleRule, ScopeRule } from './derive-roles.ts';

/** An OpenID provider at which people log in, and what such a login is good for here. */
export interface PersonProvider {
  /** What the log, refusals and `--provider` call it. */
  readonly name: string;
  /** The `iss` of its ID tokens. */
  readonly issuer: string;
  /** The client that `countersign login` is at the provider, and so the audience of its ID tokens. */
  readonly client: string;
  /** What is asked for beside `openid`. */
  readonly scopes: readonly string[];
  /** The claim that says who somebody is. An e-mail address counts when the provider says that it is verified. */
  readonly person: string;
  /** The domains of e-mail addresses that count; empty for all. */
  readonly domains: readonly string[];
  /** JSON Pointer of the groups. */
  readonly groups: string;
  /** In one of these groups somebody has to be; empty for nobody has to. */
  readonly members: readonly string[];
  /** The names that a person may register an agent by. */
  readonly agents: readonly AgentNames[];
  readonly mostAgents: number;
  /** Whether ID tokens without a nonce count: those of providers that leave it out in the device flow. */
  readonly withoutNonce: boolean;
  /** How long ago somebody may have proved to the provider who they are, in milliseconds; null for any time. */
  readonly authenticatedWithin: number | null;
  /** How long after a login its certificates are renewed, in milliseconds. */
  readonly loginLife: number;
  /** Whether its identity assertions (ID-JAG) count as grants of its people. */
  readonly vouches: boolean;
  readonly rules: readonly RoleRule[];
  /** Which scopes people may give clients; empty for all that there are. */
  readonly scopeRules: readonly ScopeRule[];
  /** What our pages are at the provider; null when nobody signs in there with a browser. */
  readonly pages: ProviderPages | null;
}

/** A client of its own for our pages: they have a redirect URI, and perhaps a secret, that no laptop has. */
export interface ProviderPages {
  readonly client: string;
  /** Reference to the client secret, or null for a public client. */
  readonly secret: string | null;
}
