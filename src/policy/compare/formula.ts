import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { isArgumentPath, mentions } from '../abstract-conditions.ts';
import { compileExpression, covers } from '../evaluate/compile-expression.ts';
import { extensionFunctions } from '../evaluate/extension-functions.ts';
import type { Frame } from '../evaluate/frame.ts';
import { open } from '../evaluate/value.ts';
import { accessOf, childrenOf, nodeOf } from '../expression.ts';

/** What a condition can come to: bits of one number, because what is not known can come to several. */
export const can = { hold: 1, miss: 2, fail: 4 } as const;

/** A condition over parts of which it is not known what they come to. */
export type Formula =
  | { readonly kind: 'known'; readonly can: number }
  | { readonly kind: 'atom'; readonly at: number }
  | { readonly kind: 'not'; readonly of: Formula }
  | { readonly kind: 'and' | 'or'; readonly left: Formula; readonly right: Formula }
  | { readonly kind: 'if'; readonly test: Formula; readonly yes: Formula; readonly no: Formula };

/** A part of conditions that is not known, the same wherever it is written the same. */
export interface Atom {
  readonly expression: Expr;
  /** What it can come to as long as nobody says. */
  readonly can: number;
}

export class Atoms {
  readonly list: Atom[] = [];
  private readonly places = new Map<string, number>();

  place(expression: Expr): number {
    const key = JSON.stringify(expression);
    const known = this.places.get(key);
    if (known !== undefined) return known;
    const at = this.list.length;
    this.places.set(key, at);
    this.list.push({ expression, can: can.hold | can.miss | (mayFail(expression) ? can.fail : 0) });
    return at;
  }
}

/** How much of a question is seen. */
export interface Sight {
  /** What is seen; members of the context that are not are open. */
  readonly frame: Frame;
  /** Whether the expression itself reads something that the frame has and that is not known all the same. */
  readonly hides: (expression: Expr) => boolean;
}

/** The condition with what is seen settled and the rest as atoms. */
export function formulaOf(expression: Expr, sight: Sight, atoms: Atoms): Formula {
  const settled = settledBy(expression, sight);
  if (settled !== null) return { kind: 'known', can: settled };
  const { operator, body } = nodeOf(expression);
  const part = (of: Expr): Formula => formulaOf(of, sight, atoms);
  const parts = body as Readonly<Record<string, Expr>>;
  const { left, right, arg, if: test, then: yes, else: no } = parts;
  if ((operator === '&&' || operator === '||') && left && right) {
    return { kind: operator === '&&' ? 'and' : 'or', left: part(left), right: part(right) };
  }
  if (operator === '!' && arg) return { kind: 'not', of: part(arg) };
  if (operator === 'if-then-else' && test && yes && no) {
    return { kind: 'if', test: part(test), yes: part(yes), no: part(no) };
  }
  const spelt = operator === 'in' && left && right ? testsOfEach(left, right) : null;
  if (spelt) return part(spelt);
  if (operator === '!=' && left && right) return { kind: 'not', of: part({ '==': { left, right } }) };
  return { kind: 'atom', at: atoms.place(expression) };
}

/** What the formula can come to when atoms can come to what `values` says. */
export function outcomesOf(formula: Formula, values: readonly number[]): number {
  switch (formula.kind) {
    case 'known':
      return formula.can;
    case 'atom':
      return values[formula.at] ?? can.hold | can.miss | can.fail;
    case 'not': {
      const of = outcomesOf(formula.of, values);
      return (of & can.hold ? can.miss : 0) | (of & can.miss ? can.hold : 0) | (of & can.fail);
    }
    case 'if': {
      const test = outcomesOf(formula.test, values);
      const yes = test & can.hold ? outcomesOf(formula.yes, values) : 0;
      const no = test & can.miss ? outcomesOf(formula.no, values) : 0;
      return yes | no | (test & can.fail);
    }
    default: {
      const going = formula.kind === 'and' ? can.hold : can.miss;
      const left = outcomesOf(formula.left, values);
      return (left & ~going) | (left & going ? outcomesOf(formula.right, values) : 0);
    }
  }
}

/** The atoms of a formula, in the order of the text. */
export function* atomsOf(formula: Formula): Generator<number> {
  switch (formula.kind) {
    case 'known':
      return;
    case 'atom':
      yield formula.at;
      return;
    case 'not':
      yield* atomsOf(formula.of);
      return;
    case 'if':
      yield* atomsOf(formula.test);
      yield* atomsOf(formula.yes);
      yield* atomsOf(formula.no);
      return;
    default:
      yield* atomsOf(formula.left);
      yield* atomsOf(formula.right);
  }
}

/** What the expression comes to by what is seen alone; null when that is not enough. */
function settledBy(expression: Expr, { frame, hides }: Sight): number | null {
  if (mentions(expression, hides) || !covers(expression)) return null;
  const outcome = compileExpression(expression)(frame);
  if (outcome === open) return null;
  if (typeof outcome === 'boolean') return outcome ? can.hold : can.miss;
  return can.fail;
}

/** `x in [a, b]` as two tests, so that each is the same atom as elsewhere; null for a single one. */
function testsOfEach(left: Expr, right: Expr): Expr | null {
  const { operator, body } = nodeOf(right);
  if (operator !== 'Set' || !Array.isArray(body)) return null;
  const tests = (body as readonly Expr[]).map((one): Expr => ({ in: { left, right: one } }));
  return tests.reduceRight((rest: Expr, test): Expr => ({ '||': { left: test, right: rest } }), {
    Value: false,
  });
}

/** The checks at load leave only arguments, arithmetic and texts that are read as something else to fail. */
function mayFail(expression: Expr): boolean {
  return mentions(expression, (part) => {
    const { operator } = nodeOf(part);
    if (['+', '-', '*', 'neg', 'hasTag', 'getTag'].includes(operator)) return true;
    if (extensionFunctions.has(operator)) return childrenOf(part).some((child) => !isLiteral(child));
    const length = accessOf(part)?.attributes.length ?? 0;
    // Whether there is such an argument can always be told.
    return isArgumentPath(part) && length > 1 && !(operator === 'has' && length === 2);
  });
}

function isLiteral(expression: Expr): boolean {
  return nodeOf(expression).operator === 'Value';
}
