import { cedarRequest } from './cedar-request.ts';
import { contextReads } from './context-reads.ts';
import { possibilityOf } from './could-permit.ts';
import { decisionCache } from './decision-cache.ts';
import { prepareRules } from './prepared-rules.ts';
import type { Decision, Question } from './question.ts';
import { errorDetail, forbiddenDetail, nothingPermitsDetail, unreadableDetail } from './refusal-text.ts';
import type { Rule } from './rule.ts';
import { rulesForAction } from './rules-for-action.ts';
import type { ContextMember } from './schema.ts';

/** Decides the questions about one action. */
export interface Judge {
  decide(question: Question): Decision;
  couldPermit(question: Question): boolean;
}

const cacheLimit = 2_000;

/** Prepares the rules that can apply to an action. `version` is put on every decision. */
export function judgeOfAction(all: readonly Rule[], action: string, version: string): Judge {
  const rules = rulesForAction(all, action);
  const reads = contextReads(rules);
  const evaluate = evaluation(rules, reads, version);
  const possible = possibilityOf(rules);
  // An answer may be remembered only when it depends on nothing but the key.
  const fixed = !reads.has('time');
  const decisions = decisionCache<Decision>(cacheLimit);
  const possibilities = decisionCache<boolean>(cacheLimit);

  const decide = (question: Question): Decision => {
    if (!fixed || reads.has('arguments')) return evaluate(question);
    const key = keyOf(question, reads);
    const known = decisions.get(key);
    if (known) return known;
    const decision = evaluate(question);
    decisions.set(key, decision);
    return decision;
  };
  return {
    decide,
    couldPermit(question) {
      if (!reads.has('arguments')) return decide(question).outcome === 'permit';
      if (!fixed) return possible(question);
      const key = keyOf(question, reads);
      const known = possibilities.get(key);
      if (known !== undefined) return known;
      const answer = possible(question);
      possibilities.set(key, answer);
      return answer;
    },
  };
}

/** Everything of a question that an answer can depend on, besides arguments and time. */
function keyOf(question: Question, reads: ReadonlySet<ContextMember>): string {
  const { agent, action, server, target, context } = question;
  const address = reads.has('address') || reads.has('ip') ? context.address : null;
  const subject = target.kind === 'resource' ? target.uri : target.kind === 'server' ? null : target.name;
  return JSON.stringify([
    [agent.name, agent.owner, agent.roles],
    [action, server, target.kind, subject],
    [address, context.profile, context.binding],
  ]);
}

function evaluation(
  rules: readonly Rule[],
  reads: ReadonlySet<ContextMember>,
  version: string,
): (question: Question) => Decision {
  const prepared = prepareRules(rules);
  const deny = (
    reason: Extract<Decision, { outcome: 'deny' }>['reason'],
    policies: readonly string[],
    detail: string,
  ): Decision =>
    Object.freeze({ outcome: 'deny', reason, policies: Object.freeze(policies), detail, version });

  return (question) => {
    try {
      const { decision, diagnostics } = prepared.ask(cedarRequest(question, reads));
      // Cedar skips a policy that fails and permits by another one; a forbid that failed would not forbid.
      if (diagnostics.errors.length > 0) {
        const failed = diagnostics.errors.map((error) => error.policyId).sort();
        return deny('policy_error', failed, errorDetail(rules, diagnostics.errors));
      }
      const policies = diagnostics.reason.toSorted();
      if (decision === 'allow') {
        return Object.freeze({ outcome: 'permit', policies: Object.freeze(policies), version });
      }
      if (policies.length > 0) return deny('forbidden', policies, forbiddenDetail(rules, policies));
      return deny('no_policy_permits', [], nothingPermitsDetail(question));
    } catch (error) {
      return deny('policy_error', [], unreadableDetail(error));
    }
  };
}
