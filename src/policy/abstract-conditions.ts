import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { accessOf, childrenOf, nodeOf, walk } from './expression.ts';

/** Stands for any condition on arguments, as a member of them; the schema that conditions are checked against has it. */
export const standIn = 'any condition';
const anything: Expr = {
  '.': { left: { '.': { left: { Var: 'context' }, attr: 'arguments' } }, attr: standIn },
};

/** What a schema knows of what conditions read. */
export interface Knowledge {
  /** Whether the expression itself reads something of which no schema knows the type. */
  readonly isOpen: (expression: Expr) => boolean;
  /** Whether the schema says at least when it is there; the type that it gives then means nothing. */
  readonly isDeclared: (expression: Expr) => boolean;
}

/** The condition with every part that reads what no schema knows replaced by one that may hold or not. */
export function abstract(expression: Expr, knowledge: Knowledge): Expr {
  if (!mentions(expression, knowledge.isOpen)) return expression;
  const { operator } = nodeOf(expression);
  if (['!', '&&', '||', 'if-then-else'].includes(operator)) {
    return withParts(expression, (part) => abstract(part, knowledge));
  }
  return childrenOf(expression).reduce(
    (sum: Expr, child): Expr => ({ '&&': { left: sum, right: probe(child, knowledge) } }),
    guard(expression),
  );
}

/** A condition that is well typed exactly when the value is; what it says does not matter. */
function probe(expression: Expr, knowledge: Knowledge): Expr {
  if (!mentions(expression, knowledge.isOpen) || knowledge.isDeclared(expression)) {
    return { '==': { left: expression, right: expression } };
  }
  if (nodeOf(expression).operator !== 'if-then-else') return abstract(expression, knowledge);
  return withParts(expression, (part, name) =>
    name === 'if' ? abstract(part, knowledge) : probe(part, knowledge),
  );
}

/** The same operator over other operands. */
export function withParts(expression: Expr, change: (part: Expr, name: string) => Expr): Expr {
  const { operator, body } = nodeOf(expression);
  const parts = Object.entries(body as Record<string, Expr>);
  const changed = Object.fromEntries(parts.map(([name, part]) => [name, change(part, name)]));
  return { [operator]: changed } as Expr;
}

/** `context has arguments.path` is false where there are no arguments; `context.arguments has path` is an error there. */
function guard(expression: Expr): Expr {
  const { operator, body } = nodeOf(expression);
  const asksContext = operator === 'has' && 'Var' in (body as { readonly left: Expr }).left;
  if (!asksContext) return anything;
  return { '&&': { left: { has: { left: { Var: 'context' }, attr: 'arguments' } }, right: anything } };
}

/** Whether the expression or anything below it is such. */
export function mentions(expression: Expr, isSuch: Knowledge['isOpen']): boolean {
  let found = false;
  walk(expression, (part) => {
    found ||= isSuch(part);
    return !found;
  });
  return found;
}

/** `context.arguments…`, but not `context has arguments`, which the schema can answer. */
export function isArgumentPath(expression: Expr): boolean {
  const access = accessOf(expression);
  if (access?.variable !== 'context' || access.attributes[0] !== 'arguments') return false;
  return access.attributes.length > 1 || nodeOf(expression).operator === '.';
}
