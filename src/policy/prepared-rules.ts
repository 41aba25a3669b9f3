import { type Diagnostics, preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { Fault } from '../kernel/fault.ts';
import { randomId } from '../kernel/random.ts';
import type { CedarRequest } from './cedar-request.ts';
import type { Rule } from './rule.ts';

/** Rules that Cedar keeps parsed in its own memory. */
export interface PreparedRules {
  /** Throws Fault `invalid_input` for a request that Cedar cannot read. */
  ask(request: CedarRequest): { readonly decision: 'allow' | 'deny'; readonly diagnostics: Diagnostics };
}

// Cedar never forgets a name it was given; when nothing can ask any more, what lies under the name is made empty.
const abandoned = new FinalizationRegistry<string>((name) => {
  preparsePolicySet(name, { staticPolicies: {} });
});

/** Hands the rules to Cedar. Throws Fault `policy_invalid` when it does not take them. */
export function prepareRules(rules: readonly Rule[]): PreparedRules {
  const name = randomId();
  const answer = preparsePolicySet(name, {
    staticPolicies: Object.fromEntries(rules.map((rule) => [rule.id, rule.text])),
  });
  if (answer.type === 'failure') {
    throw new Fault('policy_invalid', answer.errors[0]?.message ?? 'Cedar does not take the policies.');
  }
  const prepared: PreparedRules = {
    ask(request) {
      const reply = statefulIsAuthorized({ ...request, preparsedPolicySetId: name });
      if (reply.type === 'success') return reply.response;
      throw new Fault('invalid_input', reply.errors[0]?.message ?? 'Cedar cannot read the request.');
    },
  };
  abandoned.register(prepared, name);
  return prepared;
}
