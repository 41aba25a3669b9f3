import type { EntityUidJson, PrincipalConstraint, ResourceConstraint } from '@cedar-policy/cedar-wasm/nodejs';
import type { Rule } from '../rule.ts';
import type { KnownEntity } from './frame.ts';
import { entity } from './value.ts';

/** Whom and what a rule is about, besides the action. */
export interface Scope {
  readonly principal: Constraint;
  readonly resource: Constraint;
}

export interface Constraint {
  /** The type that the entity must have, or null for any. */
  readonly type: string | null;
  /** The key of the entity that it must be, or be in; null for any. */
  readonly key: string | null;
  /** Whether it must be that entity itself. */
  readonly exact: boolean;
}

export function scopeOf({ json }: Rule): Scope {
  return { principal: constraintOf(json.principal), resource: constraintOf(json.resource) };
}

export function fits(
  { type, key, exact }: Constraint,
  { entity: { type: own, key: ownKey }, parents }: KnownEntity,
): boolean {
  if (type !== null && type !== own) return false;
  return key === null || key === ownKey || (!exact && parents.has(key));
}

function constraintOf(constraint: PrincipalConstraint | ResourceConstraint): Constraint {
  if (constraint.op === 'All') return { type: null, key: null, exact: false };
  const type = 'entity_type' in constraint ? constraint.entity_type : null;
  const above = 'entity_type' in constraint ? constraint.in : constraint;
  if (!above) return { type, key: null, exact: false };
  // A template's slot fits nothing that is known; templates are refused when policies are read.
  if (!('entity' in above)) throw new TypeError('a template has no scope of its own');
  return { type, key: keyOf(above.entity), exact: constraint.op === '==' };
}

function keyOf(uid: EntityUidJson): string {
  const { type, id } = '__entity' in uid ? uid.__entity : uid;
  return entity(type, id).key;
}
