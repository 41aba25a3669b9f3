import type { PolicySet } from '../../policy/compile-policies.ts';
import { labelReads } from '../../policy/label-reads.ts';
import type { Decision } from '../../policy/question.ts';
import type { Recalled } from './flow-memory.ts';

/**
 * The earlier calls that a refusal rests on, in sentences that follow it: for each label that the deciding policies ask for, the last
 * call that left it. Empty for a permit, and when they do not look at what was used before.
 */
export function touchedText(policies: PolicySet, decision: Decision, touched: Recalled | null): string {
  if (decision.outcome === 'permit' || !touched || touched.labels.length === 0) return '';
  const labels = labelsBehind(policies, decision, touched.labels);
  const end = /[.?!]$/.test(decision.detail) ? '' : '.';
  return labels.length === 0 ? '' : [end, ...labels.map((label) => sentence(label, touched))].join(' ');
}

function labelsBehind(
  { policies }: PolicySet,
  decision: Decision,
  labels: readonly string[],
): readonly string[] {
  // Where no policy permits, one that asks for it would be it.
  const deciding =
    decision.policies.length === 0 ? policies : policies.filter(({ id }) => decision.policies.includes(id));
  const reads = deciding.map((rule) => labelReads(rule, 'touched'));
  return labels.filter((label) => reads.some(({ words, any }) => any || words.has(label)));
}

function sentence(label: string, touched: Recalled): string {
  const use = touched.use(label);
  if (!use) return `Touched before: "${label}".`;
  const { at, agent, server, method, target, exchange } = use;
  const what = target === null ? method : `${method} of ${target}`;
  return `Touched before: "${label}", by ${what} on server ${server} at ${new Date(at).toISOString()}, agent ${agent}, exchange ${exchange}.`;
}
