import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { mentions, withParts } from '../abstract-conditions.ts';
import { compileExpression, covers } from '../evaluate/compile-expression.ts';
import { type Frame, type KnownEntity, targetOf } from '../evaluate/frame.ts';
import { entity } from '../evaluate/value.ts';
import { nodeOf } from '../expression.ts';

/** A tool as policies see it. */
export function toolEntity(server: string, name: string): KnownEntity {
  return targetOf({ server, target: { kind: 'tool', name } });
}

/**
 * What is left of a condition when the tool that is called is this one: what it says of the resource and the action is
 * settled, and what then cannot matter is gone.
 */
export function forTool(condition: Expr, tool: KnownEntity): Expr {
  const frame: Frame = { principal: nobody, action: call, resource: tool, context: new Map() };
  return settle(condition, frame);
}

/** Whether the condition never holds. */
export function isFalse(expression: Expr): boolean {
  return literal(expression) === false;
}

const nobody: KnownEntity = { entity: entity('', ''), parents: new Set(), attributes: new Map() };
const call: KnownEntity = {
  entity: entity('Action', 'tools/call'),
  parents: new Set(),
  attributes: new Map(),
};

interface Pair {
  readonly left: Expr;
  readonly right: Expr;
}

function settle(expression: Expr, frame: Frame): Expr {
  const { operator, body } = nodeOf(expression);
  if (!mentions(expression, asksMore) && covers(expression)) {
    const outcome = compileExpression(expression)(frame);
    return typeof outcome === 'boolean' ? { Value: outcome } : expression;
  }
  if (operator === '&&' || operator === '||') return junction(operator, body as Pair, frame);
  if (operator === '!') {
    const arg = settle((body as { readonly arg: Expr }).arg, frame);
    const known = literal(arg);
    return known === null ? { '!': { arg } } : { Value: !known };
  }
  if (operator !== 'if-then-else') return expression;
  const parts = body as { readonly if: Expr; readonly then: Expr; readonly else: Expr };
  const known = literal(settle(parts.if, frame));
  if (known !== null) return settle(known ? parts.then : parts.else, frame);
  return withParts(expression, (part) => settle(part, frame));
}

function junction(operator: '&&' | '||', { left, right }: Pair, frame: Frame): Expr {
  const settling = operator === '||';
  const first = settle(left, frame);
  const known = literal(first);
  if (known === settling) return first;
  const second = settle(right, frame);
  if (known !== null) return second;
  return { [operator]: { left: first, right: second } } as unknown as Expr;
}

function literal(expression: Expr): boolean | null {
  const { operator, body } = nodeOf(expression);
  return operator === 'Value' && typeof body === 'boolean' ? body : null;
}

/** Who asks, and with what, is open. */
function asksMore(expression: Expr): boolean {
  const { operator, body } = nodeOf(expression);
  return operator === 'Var' && (body === 'principal' || body === 'context');
}
