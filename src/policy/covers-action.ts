import type { EntityUidJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Rule } from './rule.ts';
import { actions } from './schema.ts';

/**
 * Whether a rule can apply to an action. Nobody who wrote `action` without a name knew what an unknown method does: a
 * permit covers `other` only by naming it, a forbid covers it always.
 */
export function coversAction(rule: Rule, action: string): boolean {
  const named = namedActions(rule);
  if (named === null) return action !== 'other' || rule.effect === 'forbid';
  const groups: readonly string[] = actions[action]?.groups ?? [];
  return named.some((name) => name === action || groups.includes(name));
}

/** The actions and groups that a rule's scope names, or null when it takes any. */
function namedActions({ json: { action } }: Rule): readonly string[] | null {
  if (action.op === 'All') return null;
  if ('entities' in action) return action.entities.map(nameOf);
  return 'entity' in action ? [nameOf(action.entity)] : [];
}

function nameOf(uid: EntityUidJson): string {
  return '__entity' in uid ? uid.__entity.id : uid.id;
}
