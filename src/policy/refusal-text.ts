import { Fault } from '../kernel/fault.ts';
import type { Asking, Question } from './question.ts';
import type { Rule } from './rule.ts';
import { actionOf } from './schema.ts';

type RulesById = ReadonlyMap<string, Rule>;

/** Why a request was refused that no policy permits, and what to do. */
export function nothingPermitsDetail(question: Question): string {
  if (actionOf(question.action) === 'other') {
    return 'no policy permits it. The method is not a known one: only a policy that names Action::"other" permits it.';
  }
  const roles =
    question.agent.roles.length === 0 ? 'has no roles' : `has ${plural('role', question.agent.roles)}`;
  return `no policy permits it. The agent ${roles}; ask the platform team for a role or a policy that permits it.`;
}

/** Which policies forbid it. */
export function forbiddenDetail(rules: RulesById, ids: readonly string[]): string {
  return `${plural('policy', ids)} (${places(rules, ids)}) forbid${ids.length === 1 ? 's' : ''} it, whatever else permits it.`;
}

/** Which policies ask for an approval, and why. */
export function askingDetail(rules: RulesById, asks: readonly Asking[]): string {
  const reasons = asks.map(({ policy, why }) => `policy "${policy}" (${places(rules, [policy])}): ${why}`);
  return `a person has to approve it first: ${reasons.join('; ')}`;
}

/** Which policies failed and why, in words that hold none of the values that a caller sent. */
export function errorDetail(
  rules: RulesById,
  errors: readonly { readonly id: string; readonly message: string }[],
): string {
  const sentences = errors.map(
    ({ id, message }) => `policy "${id}" (${places(rules, [id])}) ${causeOf(message)}`,
  );
  return `${sentences.sort().join('; ')}. Nothing is permitted while a policy fails; mend the policy or the call.`;
}

/** Why Cedar could not be asked at all. */
export function unreadableDetail(error: unknown): string {
  const cause =
    error instanceof Fault && error.code === 'invalid_input' ? error.message : 'Cedar cannot read it.';
  return `the request cannot be put to the policies: ${cause}`;
}

/** Only the beginning is Cedar's own: what an extension function says may end with a value that a caller sent. */
function causeOf(message: string): string {
  if (message.startsWith('error while evaluating')) return unexplained;
  const attribute = /does not have the attribute `([^`]*)`/.exec(message)?.[1];
  if (attribute !== undefined) {
    return `reads "${attribute}", which the request does not have (a policy can ask first: "has ${attribute} &&")`;
  }
  const [, expected, found] = /type error: expected ([^`]+), got ([^`]+)$/.exec(message) ?? [];
  if (expected !== undefined && found !== undefined) {
    return `expects ${expected} where the request has ${found}`;
  }
  if (/type error/.test(message)) return 'does not fit the kinds of values in the request';
  return unexplained;
}

const unexplained = 'cannot be evaluated for this request';

function places(rules: RulesById, ids: readonly string[]): string {
  return ids
    .map((id) => rules.get(id))
    .map((rule) => (rule ? `${rule.file}:${rule.line}` : 'unknown'))
    .join(', ');
}

function plural(noun: 'policy' | 'role', names: readonly string[]): string {
  const many = noun === 'policy' ? 'policies' : 'roles';
  return `${names.length === 1 ? noun : many} ${names.map((name) => `"${name}"`).join(', ')}`;
}
