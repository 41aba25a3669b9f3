import type { EntityUidJson, Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { fits, scopeOf } from '../evaluate/scope.ts';
import type { Rule } from '../rule.ts';
import { type Atoms, can, type Formula, formulaOf, type Sight } from './formula.ts';

/** When a rule applies, or fails, to what is seen; null when it cannot apply to this resource at all. */
export function ruleFormula(rule: Rule, sight: Sight, atoms: Atoms): Formula | null {
  if (!fits(scopeOf(rule).resource, sight.frame.resource)) return null;
  const conditions = rule.json.conditions.map(
    ({ kind, body }): Expr => (kind === 'when' ? body : { '!': { arg: body } }),
  );
  const parts = [principalTest(rule), ...conditions].filter((part) => part !== null);
  const formula = parts
    .map((part) => formulaOf(part, sight, atoms))
    .reduceRight<Formula | null>((right, left) => (right ? { kind: 'and', left, right } : left), null);
  return formula ?? { kind: 'known', can: can.hold };
}

/** The scope's test of the principal as a condition; null for anybody. The principal is always an agent. */
function principalTest({ json: { principal } }: Rule): Expr | null {
  if (principal.op === 'All') return null;
  if (principal.op === 'is') {
    if (principal.entity_type !== 'Agent') return { Value: false };
    return principal.in && 'entity' in principal.in ? memberOf(principal.in.entity) : null;
  }
  if (!('entity' in principal)) return { Value: false };
  const { type } = idOf(principal.entity);
  if (type === 'Agent') return test('==', principal.entity);
  return type === 'Role' && principal.op === 'in' ? test('in', principal.entity) : { Value: false };
}

function memberOf(uid: EntityUidJson): Expr {
  return test(idOf(uid).type === 'Agent' ? '==' : 'in', uid);
}

function test(operator: '==' | 'in', uid: EntityUidJson): Expr {
  const { type, id } = idOf(uid);
  const operands = { left: { Var: 'principal' }, right: { Value: { __entity: { type, id } } } };
  return { [operator]: operands } as unknown as Expr;
}

function idOf(uid: EntityUidJson): { readonly type: string; readonly id: string } {
  return '__entity' in uid ? uid.__entity : uid;
}
