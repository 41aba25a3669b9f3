import { isAuthorizedPartial } from '@cedar-policy/cedar-wasm/nodejs';
import { type CedarRequest, cedarRequest } from './cedar-request.ts';
import { contextReads } from './context-reads.ts';
import { prepareRules } from './prepared-rules.ts';
import type { Question } from './question.ts';
import type { Rule } from './rule.ts';
import { scopeFits } from './scope-fits.ts';

/**
 * Whether some arguments could be permitted. Policies that do not read them are evaluated as ever; the others with the
 * arguments unknown: a permit with a condition left over could apply, a forbid with one need not.
 */
export function possibilityOf(rules: readonly Rule[]): (question: Question) => boolean {
  const reads = contextReads(rules);
  const open = rules.filter((rule) => contextReads([rule]).has('arguments'));
  const prepared = prepareRules(rules.filter((rule) => !open.includes(rule)));

  return (question) => {
    try {
      const request = cedarRequest(question, reads, true);
      const { decision, diagnostics } = prepared.ask(request);
      if (diagnostics.errors.length > 0) return false;
      if (decision === 'deny' && diagnostics.reason.length > 0) return false;
      const fitting = open.filter((rule) => scopeFits(rule, request));
      if (fitting.length === 0) return decision === 'allow';
      return evaluateOpen(fitting, request, decision === 'allow');
    } catch {
      // What cannot be evaluated is denied by the call as well.
      return false;
    }
  };
}

function evaluateOpen(open: readonly Rule[], request: CedarRequest, permitted: boolean): boolean {
  const answer = isAuthorizedPartial({
    ...request,
    policies: { staticPolicies: Object.fromEntries(open.map((rule) => [rule.id, rule.text])) },
  });
  if (answer.type === 'failure') return false;
  const { errored, satisfied, nontrivialResiduals } = answer.response;
  if (errored.length > 0) return false;
  const effectOf = (id: string): Rule['effect'] | undefined => open.find((rule) => rule.id === id)?.effect;
  if (satisfied.some((id) => effectOf(id) === 'forbid')) return false;
  return permitted || [...satisfied, ...nontrivialResiduals].some((id) => effectOf(id) === 'permit');
}
