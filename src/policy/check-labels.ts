import { suggest } from '../kernel/suggest.ts';
import { findPlace } from './check-names.ts';
import { labelReads } from './label-reads.ts';
import type { PolicySet } from './policy-set.ts';
import { policyFault } from './read-rules.ts';

/**
 * Refuses a policy that looks for a label which nothing can have: it would never apply, and a `forbid` would hold nobody. Throws
 * Fault `policy_invalid` with the place and the nearest label.
 */
export function checkLabels({ policies }: Pick<PolicySet, 'policies'>, known: ReadonlySet<string>): void {
  for (const rule of policies) {
    for (const member of ['labels', 'touched'] as const) {
      for (const word of labelReads(rule, member).words) {
        if (known.has(word)) continue;
        const near = suggest(word, [...known]);
        const hint = near === null ? 'Declare it in flows.yaml, below "labels:"' : `Did you mean "${near}"?`;
        throw policyFault(rule.file, findPlace(rule, word), `there is no label "${word}". ${hint}`);
      }
    }
  }
}
