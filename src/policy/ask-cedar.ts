import { type Diagnostics, isAuthorizedPartial } from '@cedar-policy/cedar-wasm/nodejs';
import { Fault } from '../kernel/fault.ts';
import type { CedarRequest } from './cedar-request.ts';
import { type PreparedRules, prepareRules } from './prepared-rules.ts';
import type { Rule } from './rule.ts';
import { verdictOf, type Verdicts } from './verdicts.ts';

/** Rules that Cedar itself evaluates. */
export interface CedarRules {
  /** What the rules say. Throws Fault `invalid_input` for a request that Cedar cannot read. */
  verdicts(request: CedarRequest): Verdicts;
  /** What they could say, for a request with open arguments: a permit with a condition left over is among the permits. */
  possibilities(request: CedarRequest): Verdicts;
}

/** Hands rules to Cedar when they are first asked. */
export function cedarRules(rules: readonly Rule[]): CedarRules {
  const verdictsOf = new Map(rules.map((rule) => [rule.id, verdictOf(rule)]));
  const having = (ids: readonly string[], verdict: ReturnType<typeof verdictOf>): string[] =>
    ids.filter((id) => verdictsOf.get(id) === verdict);
  // Cedar names no permit once a forbid applies, and a rule that asks is a forbid to it: it is asked about them apart.
  const deciding = toCedar(rules.filter((rule) => verdictOf(rule) !== 'asks'));
  const asking = toCedar(rules.filter((rule) => verdictOf(rule) === 'asks'));
  return {
    verdicts(request) {
      const decided = deciding(request);
      const asked = asking(request);
      return {
        permits: having(decided.reason, 'permits'),
        forbids: having(decided.reason, 'forbids'),
        asks: asked.reason,
        errors: [...decided.errors, ...asked.errors].map(({ policyId, error }) => ({
          id: policyId,
          message: error.message,
        })),
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
        permits: having([...satisfied, ...nontrivialResiduals], 'permits'),
        forbids: having(satisfied, 'forbids'),
        asks: having(satisfied, 'asks'),
        errors: errored.map((id) => ({ id, message: '' })),
      };
    },
  };
}

/** What Cedar says of some rules, which it is given when they are first asked. */
function toCedar(rules: readonly Rule[]): (request: CedarRequest) => Diagnostics {
  let prepared: PreparedRules | null = null;
  return (request) => {
    if (rules.length === 0) return { reason: [], errors: [] };
    prepared ??= prepareRules(rules);
    return prepared.ask(request).diagnostics;
  };
}
