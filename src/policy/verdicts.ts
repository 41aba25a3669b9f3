import type { Decision, Question } from './question.ts';
import { askingDetail, errorDetail, forbiddenDetail, nothingPermitsDetail } from './refusal-text.ts';
import type { Rule } from './rule.ts';

/** What rules said to a question: the ids of those that apply, and those that failed. */
export interface Verdicts {
  readonly permits: string[];
  readonly forbids: string[];
  /** Forbids that give way to an approval. */
  readonly asks: string[];
  readonly errors: RuleError[];
}

export interface RuleError {
  readonly id: string;
  /** In Cedar's words. */
  readonly message: string;
}

/** The rules by id, and the version that they have together. */
export interface RuleBook {
  readonly rules: ReadonlyMap<string, Rule>;
  readonly version: string;
}

export function noVerdicts(): Verdicts {
  return { permits: [], forbids: [], asks: [], errors: [] };
}

/** The same verdicts in lists of their own. */
export function copied({ permits, forbids, asks, errors }: Verdicts): Verdicts {
  return { permits: permits.slice(), forbids: forbids.slice(), asks: asks.slice(), errors: errors.slice() };
}

/** The verdicts of both, in lists of their own. */
export function combined(one: Verdicts, other: Verdicts): Verdicts {
  return {
    permits: [...one.permits, ...other.permits],
    forbids: [...one.forbids, ...other.forbids],
    asks: [...one.asks, ...other.asks],
    errors: [...one.errors, ...other.errors],
  };
}

/** Whether some arguments could be permitted: a permit that is left open could apply, a forbid need not, and an ask can be answered. */
export function isPossible(
  { permits, forbids, errors }: Verdicts,
  left: readonly { readonly rule: Rule }[],
): boolean {
  if (errors.length > 0 || forbids.length > 0) return false;
  return permits.length > 0 || left.some(({ rule }) => rule.effect === 'permit');
}

/** A permit, unless a rule failed, one forbids or none permits; what is permitted but for rules that ask is asked. */
export function decisionOf(verdicts: Verdicts, question: Question, { rules, version }: RuleBook): Decision {
  const { permits, forbids, asks, errors } = verdicts;
  // Cedar skips a policy that fails and permits by another one; a forbid that failed would not forbid.
  if (errors.length > 0) {
    const failed = errors.map(({ id }) => id);
    return denial('policy_error', failed, errorDetail(rules, errors), version);
  }
  if (forbids.length > 0)
    return denial('forbidden', forbids, forbiddenDetail(rules, forbids.toSorted()), version);
  if (permits.length === 0) return denial('no_policy_permits', [], nothingPermitsDetail(question), version);
  const permitting = Object.freeze(permits.toSorted());
  if (asks.length > 0) return asking(asks.toSorted(), permitting, { rules, version });
  return Object.freeze({ outcome: 'permit', policies: permitting, version });
}

function asking(ids: readonly string[], permits: readonly string[], { rules, version }: RuleBook): Decision {
  const asks = ids.flatMap((policy) => {
    const ask = rules.get(policy)?.ask;
    return ask ? [Object.freeze({ policy, ...ask })] : [];
  });
  return Object.freeze({
    outcome: 'ask',
    policies: Object.freeze(ids),
    permits,
    asks: Object.freeze(asks),
    detail: askingDetail(rules, asks),
    version,
  });
}

/** Where a rule that applies is counted. */
export function verdictOf({ effect, ask }: Rule): 'permits' | 'forbids' | 'asks' {
  if (effect === 'permit') return 'permits';
  return ask === null ? 'forbids' : 'asks';
}

export function denial(
  reason: Extract<Decision, { outcome: 'deny' }>['reason'],
  policies: readonly string[],
  detail: string,
  version: string,
): Decision {
  return Object.freeze({
    outcome: 'deny',
    reason,
    policies: Object.freeze(policies.toSorted()),
    detail,
    version,
  });
}
