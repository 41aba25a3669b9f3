import type {
  EntityUidJson,
  PrincipalConstraint,
  ResourceConstraint,
  TypeAndId,
} from '@cedar-policy/cedar-wasm/nodejs';
import { assertNever } from '../kernel/assert-never.ts';
import type { CedarRequest } from './cedar-request.ts';
import type { Rule } from './rule.ts';

/**
 * Whether the principal and the resource of a request are in the scope of a rule. Decisions leave this to Cedar; lists,
 * which ask it about every item, first leave out here what cannot matter.
 */
export function scopeFits(rule: Rule, request: CedarRequest): boolean {
  return (
    constraintFits(rule.json.principal, request.principal, request) &&
    constraintFits(rule.json.resource, request.resource, request)
  );
}

function constraintFits(
  constraint: PrincipalConstraint | ResourceConstraint,
  entity: TypeAndId,
  request: CedarRequest,
): boolean {
  switch (constraint.op) {
    case 'All':
      return true;
    case '==':
      return 'entity' in constraint && same(constraint.entity, entity);
    case 'in':
      return 'entity' in constraint && isIn(entity, constraint.entity, request);
    case 'is': {
      if (constraint.entity_type !== entity.type) return false;
      if (!constraint.in) return true;
      return 'entity' in constraint.in && isIn(entity, constraint.in.entity, request);
    }
    default:
      return assertNever(constraint);
  }
}

/** Parents have no parents of their own in this schema. */
function isIn(entity: TypeAndId, ancestor: EntityUidJson, request: CedarRequest): boolean {
  if (same(ancestor, entity)) return true;
  const parents = request.entities.find(({ uid }) => same(uid, entity))?.parents ?? [];
  return parents.some((parent) => same(ancestor, plain(parent)));
}

function same(a: EntityUidJson, b: TypeAndId): boolean {
  const { type, id } = plain(a);
  return type === b.type && id === b.id;
}

function plain(uid: EntityUidJson): TypeAndId {
  return '__entity' in uid ? uid.__entity : uid;
}
