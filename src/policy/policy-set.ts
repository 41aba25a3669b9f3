import { coversAction } from './covers-action.ts';
import type { CompiledRule } from './evaluate/compile-rule.ts';
import { type Judge, judgeOfAction } from './judge.ts';
import type { Decision, Question } from './question.ts';
import { newMemory } from './remembered-slices.ts';
import type { Rule } from './rule.ts';
import { actionOf } from './schema.ts';

/** Policies that compiled together, ready to decide. */
export interface PolicySet {
  /** SHA-256, base64url, of the names and texts of the files. */
  readonly version: string;
  /** In the order of the files. */
  readonly policies: readonly Rule[];
  /**
   * Whether the question is permitted: some permit applies, no forbid applies and no policy failed; where the only
   * forbids are ones that ask, an approval is asked for. Without policies nothing is permitted. Never throws: what cannot be decided is denied as `policy_error`.
   */
  decide(question: Question): Decision;
  /**
   * Whether some arguments exist, as far as policies can be evaluated without them, with which `decide` would permit:
   * what to show in a list. It is not a permission.
   */
  couldPermit(question: Question): boolean;
}

/** The set of rules that were checked together; their ids differ. */
export function policySetOf(compiled: readonly CompiledRule[], version: string): PolicySet {
  const rules = compiled.map(({ rule }) => rule);
  const book = { rules: new Map(rules.map((rule) => [rule.id, rule])), version };
  const memory = newMemory();
  const judges = new Map<string, Judge>();
  const judgeOf = (question: Question): Judge => {
    const action = actionOf(question.action);
    const known = judges.get(action);
    if (known) return known;
    const covering = compiled.filter(({ rule }) => coversAction(rule, action));
    const judge = judgeOfAction(action, covering, book, memory);
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
