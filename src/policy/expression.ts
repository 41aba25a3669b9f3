import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';

/** One node of a policy's JSON form: the operator and what stands below it. */
export interface Node {
  readonly operator: string;
  readonly body: unknown;
}

/** An expression of Cedar's JSON form is an object with one member, named after the operator. */
export function nodeOf(expression: Expr): Node {
  const [member] = Object.entries(expression);
  return member ? { operator: member[0], body: member[1] } : { operator: '', body: null };
}

/** The expressions directly below one, in the order of the text. */
export function childrenOf(expression: Expr): readonly Expr[] {
  const { operator, body } = nodeOf(expression);
  if (operator === 'Value' || operator === 'Var' || operator === 'Slot') return [];
  // Sets and calls of extension functions list their parts; records and the other operators name them.
  if (Array.isArray(body)) return body as Expr[];
  if (operator === 'Record') return Object.values(body as Record<string, Expr>);
  const parts = body as Readonly<Record<string, Expr | undefined>>;
  return ['if', 'then', 'else', 'arg', 'left', 'right', 'in']
    .map((name) => parts[name])
    .filter((part) => part !== undefined);
}

/** The variable and the attributes read from it, for `context.arguments.path` and `context has arguments.path`. */
export interface Access {
  readonly variable: string;
  readonly attributes: readonly string[];
}

/** The access that an expression is, or null when it is something else or starts from a computed value. */
export function accessOf(expression: Expr): Access | null {
  const { operator, body } = nodeOf(expression);
  if (operator === 'Var') return { variable: String(body), attributes: [] };
  if (operator !== '.' && operator !== 'has') return null;
  const { left, attr } = body as { readonly left: Expr; readonly attr: string | readonly string[] };
  const below = accessOf(left);
  return below && { variable: below.variable, attributes: [...below.attributes, ...[attr].flat()] };
}

/** Calls `visit` for the expression and everything below it; `visit` answers false to stay out of what is below. */
export function walk(expression: Expr, visit: (expression: Expr) => boolean): void {
  if (!visit(expression)) return;
  for (const child of childrenOf(expression)) walk(child, visit);
}
