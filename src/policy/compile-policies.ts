import { sha256Base64url } from '../kernel/bytes.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { checkNames } from './check-names.ts';
import { checkTypes } from './check-types.ts';
import { type PolicySet, policySetOf } from './policy-set.ts';
import { policyFault, type PolicyText, readRules } from './read-rules.ts';
import type { Rule } from './rule.ts';

export type { PolicySet } from './policy-set.ts';

/**
 * Compiles the policies of a folder. Every name in them must exist and every policy must be able to apply.
 * Throws Fault `policy_invalid` with file, line, column, what is wrong and the nearest match.
 */
export function compilePolicies(files: readonly PolicyText[]): PolicySet {
  const rules = files.flatMap((file) => readRules(file));
  refuseSameId(rules);
  for (const rule of rules) checkNames(rule);
  checkTypes(rules);
  return policySetOf(rules, versionOf(files));
}

function versionOf(files: readonly PolicyText[]): string {
  const sorted = files
    .map(({ name, text }) => ({ name, text: text.toWellFormed() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return sha256Base64url(canonicalJson(sorted));
}

function refuseSameId(rules: readonly Rule[]): void {
  const seen = new Map<string, Rule>();
  for (const rule of rules) {
    const other = seen.get(rule.id);
    if (other) {
      const what = `the id "${rule.id}" is already that of the policy at ${other.file}:${other.line}. Give one of them another @id`;
      throw policyFault(rule.file, rule, what);
    }
    seen.set(rule.id, rule);
  }
}
