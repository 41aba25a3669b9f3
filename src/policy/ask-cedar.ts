import { isAuthorizedPartial } from '@cedar-policy/cedar-wasm/nodejs';
import { Fault } from '../kernel/fault.ts';
import type { CedarRequest } from './cedar-request.ts';
import { type PreparedRules, prepareRules } from './prepared-rules.ts';
import type { Rule } from './rule.ts';
import type { Verdicts } from './verdicts.ts';

/** Rules that Cedar itself evaluates. */
export interface CedarRules {
  /** What the rules say. Throws Fault `invalid_input` for a request that Cedar cannot read. */
  verdicts(request: CedarRequest): Verdicts;
  /** What they could say, for a request with open arguments: a permit with a condition left over is among the permits. */
  possibilities(request: CedarRequest): Verdicts;
}

/** Hands rules to Cedar when they are first asked. */
export function cedarRules(rules: readonly Rule[]): CedarRules {
  let prepared: PreparedRules | null = null;
  const effects = new Map(rules.map(({ id, effect }) => [id, effect]));
  const having = (ids: readonly string[], effect: Rule['effect']): string[] =>
    ids.filter((id) => effects.get(id) === effect);
  return {
    verdicts(request) {
      prepared ??= prepareRules(rules);
      const { diagnostics } = prepared.ask(request);
      return {
        permits: having(diagnostics.reason, 'permit'),
        forbids: having(diagnostics.reason, 'forbid'),
        errors: diagnostics.errors.map(({ policyId, error }) => ({ id: policyId, message: error.message })),
      };
    },
    possibilities(request) {
      const answer = isAuthorizedPartial({
        ...request,
        policies: { staticPolicies: Object.fromEntries(rules.map((rule) => [rule.id, rule.text])) },
      });
      if (answer.type === 'failure') throw new Fault('invalid_input', 'Cedar cannot read the request.');
      const { errored, satisfied, nontrivialResiduals } = answer.response;
      return {
        permits: having([...satisfied, ...nontrivialResiduals], 'permit'),
        forbids: having(satisfied, 'forbid'),
        errors: errored.map((id) => ({ id, message: '' })),
      };
    },
  };
}
