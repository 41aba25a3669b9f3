import { sha256Base64url } from '../kernel/bytes.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { checkNames } from './check-names.ts';
import { checkTypes } from './check-types.ts';
import { type Judge, judgeOfAction } from './judge.ts';
import type { Decision, Question } from './question.ts';
import { policyFault, type PolicyText, readRules } from './read-rules.ts';
import type { Rule } from './rule.ts';
import { actionOf } from './schema.ts';

/** Policies that compiled together, ready to decide. */
export interface PolicySet {
  /** SHA-256, base64url, of the names and texts of the files. */
  readonly version: string;
  /** In the order of the files. */
  readonly policies: readonly Rule[];
  /**
   * Whether the question is permitted: some permit applies, no forbid applies and no policy failed. Without policies
   * nothing is permitted. Never throws: what cannot be decided is denied as `policy_error`.
   */
  decide(question: Question): Decision;
  /**
   * Whether some arguments exist, as far as policies can be evaluated without them, with which `decide` would permit:
   * what to show in a list. It is not a permission.
   */
  couldPermit(question: Question): boolean;
}

/**
 * Compiles the policies of a folder. Every name in them must exist and every policy must be able to apply.
 * Throws Fault `policy_invalid` with file, line, column, what is wrong and the nearest match.
 */
export function compilePolicies(files: readonly PolicyText[]): PolicySet {
  const rules = files.flatMap((file) => readRules(file));
  refuseSameId(rules);
  for (const rule of rules) checkNames(rule);
  checkTypes(rules);
  const version = versionOf(files);
  const judges = new Map<string, Judge>();
  const judgeOf = (question: Question): Judge => {
    const action = actionOf(question.action);
    const known = judges.get(action);
    if (known) return known;
    const judge = judgeOfAction(rules, action, version);
    judges.set(action, judge);
    return judge;
  };
  return {
    version,
    policies: rules,
    decide: (question) => judgeOf(question).decide(question),
    couldPermit: (question) => judgeOf(question).couldPermit(question),
  };
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
