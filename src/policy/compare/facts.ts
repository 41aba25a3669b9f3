import type { Expr, PatternElem } from '@cedar-policy/cedar-wasm/nodejs';
import { likePattern } from '../evaluate/like-pattern.ts';
import { accessOf, nodeOf, walk } from '../expression.ts';
import { type Atom, can } from './formula.ts';

/** What an atom says, where that can be told from its form. */
export type Fact =
  /** The caller is this agent. */
  | { readonly kind: 'agent'; readonly id: string }
  | { readonly kind: 'role'; readonly id: string }
  /** A value is this text, or like it. */
  | { readonly kind: 'text'; readonly of: string; readonly equals: string }
  | { readonly kind: 'pattern'; readonly of: string; readonly pattern: readonly PatternElem[] }
  /** A value is a whole number between these, both included. */
  | { readonly kind: 'number'; readonly of: string; readonly from: number; readonly to: number }
  /** A set of texts has this one. */
  | { readonly kind: 'member'; readonly of: string; readonly text: string }
  /** There is such a member. */
  | { readonly kind: 'has'; readonly of: string }
  | { readonly kind: 'other' };

/** What an atom says, and the members of the context that it reads. */
export interface Known {
  readonly fact: Fact;
  readonly reads: readonly string[];
}

export function knownOf({ expression }: Atom): Known {
  return { fact: factOf(expression), reads: readsOf(expression) };
}

/**
 * Whether two atoms cannot come to these at once. What it does not see is taken to be possible: a comparison then says
 * "may", never "does not".
 */
export function contradict(one: Known, first: number, other: Known, second: number): boolean {
  return clash(one, first, other, second) || clash(other, second, one, first);
}

function clash(one: Known, first: number, other: Known, second: number): boolean {
  const [a, b] = [one.fact, other.fact];
  // What is not there cannot be read.
  if (a.kind === 'has' && first === can.miss) {
    const below = (path: string): boolean => path === a.of || path.startsWith(`${a.of}.`);
    if (b.kind === 'has' && b.of !== a.of && below(b.of)) return second === can.hold;
    if (b.kind !== 'has' && other.reads.some(below)) return second !== can.fail;
  }
  if (first !== can.hold) return false;
  if (a.kind === 'agent') return b.kind === 'agent' && second === can.hold && a.id !== b.id;
  if (!('of' in a) || !('of' in b) || a.of !== b.of) return false;
  if (a.kind === 'text') return textClash(a.equals, b, second);
  if (a.kind === 'pattern') return patternClash(a.pattern, b, second);
  return a.kind === 'number' && numberClash(a, b, second);
}

function textClash(text: string, b: Fact, second: number): boolean {
  if (b.kind === 'text') return second !== (b.equals === text ? can.hold : can.miss);
  if (b.kind === 'pattern') return second !== (likePattern(b.pattern)(text) ? can.hold : can.miss);
  return b.kind === 'number' && second === can.hold;
}

// Stands for any text at all in a pattern that is put to another one.
const anything = '\u{f8ff}';

function patternClash(pattern: readonly PatternElem[], b: Fact, second: number): boolean {
  if (b.kind !== 'pattern') return b.kind === 'number' && second === can.hold;
  if (second === can.fail) return true;
  const sample = pattern.map((element) => (element === 'Wildcard' ? anything : element.Literal)).join('');
  // What matches with a sign that only a wildcard matches is matched by everything that is like it.
  if (second === can.miss) return likePattern(b.pattern)(sample);
  return apart(headOf(pattern), headOf(b.pattern));
}

/** The text before the first wildcard. */
function headOf(pattern: readonly PatternElem[]): string {
  let head = '';
  for (const element of pattern) {
    if (element === 'Wildcard') break;
    head += element.Literal;
  }
  return head;
}

function apart(one: string, other: string): boolean {
  return !one.startsWith(other) && !other.startsWith(one);
}

function numberClash(a: Extract<Fact, { kind: 'number' }>, b: Fact, second: number): boolean {
  if (b.kind === 'text' || b.kind === 'pattern') return second === can.hold;
  if (b.kind !== 'number' || second === can.fail) return false;
  if (second === can.hold) return b.from > a.to || b.to < a.from;
  return b.from <= a.from && b.to >= a.to;
}

function factOf(expression: Expr): Fact {
  const { operator, body } = nodeOf(expression);
  const { left, right, pattern } = body as {
    readonly left?: Expr;
    readonly right?: Expr;
    readonly pattern?: readonly PatternElem[];
  };
  if (operator === 'has') return { kind: 'has', of: pathOf(expression) };
  if (operator === 'like' && left && pattern) return { kind: 'pattern', of: pathOf(left), pattern };
  if (!left || !right) return { kind: 'other' };
  if (operator === 'in' || operator === '==') {
    const principal = aboutPrincipal(left, right) ?? aboutPrincipal(right, left);
    if (principal) return principal;
  }
  if (operator === 'contains') {
    const text = literal(right);
    return typeof text === 'string' ? { kind: 'member', of: pathOf(left), text } : { kind: 'other' };
  }
  const [value, turned] = [literal(right), literal(left)];
  if (value !== null) return comparison(operator, left, value);
  return turned === null ? { kind: 'other' } : comparison(mirrored[operator] ?? '', right, turned);
}

const mirrored: Readonly<Record<string, string>> = { '==': '==', '<': '>', '>': '<', '<=': '>=', '>=': '<=' };

function comparison(operator: string, of: Expr, value: string | number): Fact {
  const path = pathOf(of);
  if (typeof value === 'string') {
    return operator === '==' ? { kind: 'text', of: path, equals: value } : { kind: 'other' };
  }
  const [from, to] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  switch (operator) {
    case '==':
      return { kind: 'number', of: path, from: value, to: value };
    case '<':
      return { kind: 'number', of: path, from, to: value - 1 };
    case '<=':
      return { kind: 'number', of: path, from, to: value };
    case '>':
      return { kind: 'number', of: path, from: value + 1, to };
    case '>=':
      return { kind: 'number', of: path, from: value, to };
    default:
      return { kind: 'other' };
  }
}

function aboutPrincipal(variable: Expr, value: Expr): Fact | null {
  const { operator, body } = nodeOf(value);
  if (nodeOf(variable).body !== 'principal' || operator !== 'Value') return null;
  if (typeof body !== 'object' || body === null || !('__entity' in body)) return null;
  const { type, id } = (body as { readonly __entity: { readonly type: string; readonly id: string } })
    .__entity;
  if (type === 'Agent') return { kind: 'agent', id };
  return type === 'Role' ? { kind: 'role', id } : null;
}

function literal(expression: Expr): string | number | null {
  const { operator, body } = nodeOf(expression);
  return operator === 'Value' && (typeof body === 'string' || typeof body === 'number') ? body : null;
}

/** A name for a value: the path to a member, or how it is computed. */
export function pathOf(expression: Expr): string {
  const access = accessOf(expression);
  return access ? [access.variable, ...access.attributes].join('.') : JSON.stringify(expression);
}

function readsOf(expression: Expr): readonly string[] {
  const reads: string[] = [];
  walk(expression, (part) => {
    if (nodeOf(part).operator === '.') reads.push(pathOf(part));
    return true;
  });
  return reads;
}
