import type { ClaimValue } from '../workload/workload-issuer.ts';

/** What a provider said of a person, as far as it counts here: the values of each claim, by its JSON Pointer. */
export type PersonClaims = Readonly<Record<string, readonly ClaimValue[]>>;

/** Which people's agents get roles, or lose those that rules above gave. */
export interface RoleRule {
  /** Values that a claim must have one of; all of the claims must. None: the rule is for everybody. */
  readonly claims: ReadonlyMap<string, readonly ClaimValue[]>;
  readonly gives: readonly string[];
  readonly takes: readonly string[];
}

/** Which people may give clients which scopes. */
export interface ScopeRule {
  readonly claims: RoleRule['claims'];
  readonly scopes: readonly string[];
}

/** A role that a rule gave, and why. */
export interface DerivedRole {
  readonly role: string;
  readonly provider: string;
  /** Its place among the rules of the provider, from 1. */
  readonly rule: number;
  /** The values that made the rule match, such as the group. */
  readonly because: readonly ClaimValue[];
}

/**
 * All rules are read from the first to the last, and each that matches gives and takes: somebody in two groups has the roles of
 * both, and a rule below may take what one above gave. Of several that give a role the first is named.
 */
export function deriveRoles(
  provider: { readonly name: string; readonly rules: readonly RoleRule[] },
  claims: PersonClaims,
): readonly DerivedRole[] {
  const derived = new Map<string, DerivedRole>();
  for (const [at, rule] of provider.rules.entries()) {
    const because = matched(rule, claims);
    if (!because) continue;
    for (const role of rule.takes) derived.delete(role);
    for (const role of rule.gives) {
      if (!derived.has(role)) derived.set(role, { role, provider: provider.name, rule: at + 1, because });
    }
  }
  return [...derived.values()];
}

/** The scopes that a person may give clients, by all rules that match; null for all that there are. */
export function scopesOf(
  { scopeRules }: { readonly scopeRules: readonly ScopeRule[] },
  claims: PersonClaims,
): ReadonlySet<string> | null {
  if (scopeRules.length === 0) return null;
  return new Set(scopeRules.flatMap((rule) => (matched(rule, claims) ? rule.scopes : [])));
}

/** The values that match, or null. */
function matched(rule: Pick<RoleRule, 'claims'>, claims: PersonClaims): readonly ClaimValue[] | null {
  const found: ClaimValue[] = [];
  for (const [pointer, wanted] of rule.claims) {
    const value = wanted.find((each) => claims[pointer]?.includes(each));
    if (value === undefined) return null;
    found.push(value);
  }
  return found;
}
