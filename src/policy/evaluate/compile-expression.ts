import type { Expr, PatternElem } from '@cedar-policy/cedar-wasm/nodejs';
import { childrenOf, nodeOf } from '../expression.ts';
import { extensionFunctions } from './extension-functions.ts';
import type { Frame, KnownEntity } from './frame.ts';
import { likePattern } from './like-pattern.ts';
import { negative } from './long.ts';
import {
  attributeOf,
  binaryOperators,
  hasAttribute,
  isOfType,
  isSet,
  literalValue,
  missing,
} from './operators.ts';
import { entity, isHalt, open, type Outcome, RecordValue, SetValue, unlike, type Value } from './value.ts';

/** An expression, ready to be evaluated. The first operand that comes to no value is what the whole comes to. */
export type Evaluate = (frame: Frame) => Outcome;

const variables = ['principal', 'action', 'resource', 'context'];
const otherOperators = ['&&', '||', 'if-then-else', '!', 'neg', 'isEmpty', '.', 'has', 'like', 'is'];

/** Whether `compileExpression` knows every operator of an expression. What it does not know is left to Cedar. */
export function covers(expression: Expr): boolean {
  const { operator, body } = nodeOf(expression);
  if (operator === 'Value') return literalValue(body) !== null;
  if (operator === 'Var') return variables.includes(String(body));
  const called = extensionFunctions.get(operator);
  const isKnown = called
    ? Array.isArray(body) && body.length === called.arity
    : ['Set', 'Record', ...otherOperators].includes(operator) || binaryOperators.has(operator);
  return isKnown && childrenOf(expression).every(covers);
}

/** Compiles an expression that is covered. */
export function compileExpression(expression: Expr): Evaluate {
  const { operator, body } = nodeOf(expression);
  const binary = binaryOperators.get(operator);
  if (binary) {
    const { left, right } = body as Pair;
    return onTwo(compileExpression(left), compileExpression(right), binary);
  }
  const compiled = compileMany(expression) ?? compileOther(operator, body);
  if (!isConstant(expression)) return compiled;
  // What depends on nothing is evaluated once; nothing in it looks at the frame.
  const outcome = compiled(nothingKnown);
  return () => outcome;
}

interface Pair {
  readonly left: Expr;
  readonly right: Expr;
}

const nobody: KnownEntity = { entity: entity('', ''), parents: new Set(), attributes: new Map() };
const nothingKnown: Frame = { principal: nobody, action: nobody, resource: nobody, context: new Map() };

/** Literals, and sets, records and extension values of them. */
function isConstant(expression: Expr): boolean {
  const { operator } = nodeOf(expression);
  if (operator === 'Value') return true;
  const isMade = operator === 'Set' || operator === 'Record' || extensionFunctions.has(operator);
  return isMade && childrenOf(expression).every(isConstant);
}

/** Sets, records and calls of extension functions: any number of operands. */
function compileMany(expression: Expr): Evaluate | null {
  const { operator, body } = nodeOf(expression);
  const called = extensionFunctions.get(operator);
  if (called) {
    return onAll(childrenOf(expression), ([first, second]) =>
      first === undefined ? open : called.apply([first, second ?? first]),
    );
  }
  if (operator === 'Set') return onAll(body as Expr[], (items) => new SetValue(items));
  if (operator !== 'Record') return null;
  // Cedar evaluates the members in the order of their names, as octets.
  const members = Object.entries(body as Record<string, Expr>).sort(([a], [b]) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  return onAll(
    members.map(([, member]) => member),
    (values) => new RecordValue(new Map(values.map((value, at) => [members[at]?.[0] ?? '', value]))),
  );
}

function compileOther(operator: string, body: unknown): Evaluate {
  switch (operator) {
    case 'Value': {
      const value = literalValue(body);
      if (value === null) break;
      return () => value;
    }
    case 'Var':
      return variable(String(body));
    case '&&':
      return junction(operator, body as Pair, false);
    case '||':
      return junction(operator, body as Pair, true);
    case 'if-then-else':
      return choice(body as Choice);
    case '!':
      return onOne(body as Argument, (value) =>
        typeof value === 'boolean' ? !value : unlike('bool', value),
      );
    case 'neg':
      return onOne(body as Argument, negative);
    case 'isEmpty':
      return onOne(body as Argument, (value) =>
        isSet(value) ? value.items.length === 0 : unlike('set', value),
      );
    case '.':
      return access(body as Access);
    case 'has':
      return presence(body as Presence);
    case 'like':
      return likeness(body as Likeness);
    case 'is':
      return typeTest(body as TypeTest);
    default:
  }
  throw new TypeError(`the operator ${operator} is not covered`);
}

interface Argument {
  readonly arg: Expr;
}
interface Choice {
  readonly if: Expr;
  readonly then: Expr;
  readonly else: Expr;
}
interface Access {
  readonly left: Expr;
  readonly attr: string;
}
interface Presence {
  readonly left: Expr;
  readonly attr: string | readonly string[];
}
interface Likeness {
  readonly left: Expr;
  readonly pattern: readonly PatternElem[];
}
interface TypeTest {
  readonly left: Expr;
  readonly entity_type: string;
  readonly in?: Expr;
}

function onOne({ arg }: Argument, apply: (value: Value, frame: Frame) => Outcome): Evaluate {
  const operand = compileExpression(arg);
  return (frame) => {
    const value = operand(frame);
    return isHalt(value) ? value : apply(value, frame);
  };
}

function onTwo(
  left: Evaluate,
  right: Evaluate,
  apply: (l: Value, r: Value, frame: Frame) => Outcome,
): Evaluate {
  return (frame) => {
    const first = left(frame);
    if (isHalt(first)) return first;
    const second = right(frame);
    return isHalt(second) ? second : apply(first, second, frame);
  };
}

function onAll(operands: readonly Expr[], apply: (values: readonly Value[]) => Outcome): Evaluate {
  const compiled = operands.map(compileExpression);
  return (frame) => {
    const values: Value[] = [];
    for (const operand of compiled) {
      const value = operand(frame);
      if (isHalt(value)) return value;
      values.push(value);
    }
    return apply(values);
  };
}

/** `&&` and `||`: what stands behind an operand that settles it is not looked at. */
function junction(operator: string, body: Pair, settling: boolean): Evaluate {
  const operands = [body.left, body.right].flatMap((side) => operandsOf(operator, side));
  const compiled = operands.map(compileExpression);
  return (frame) => {
    for (const operand of compiled) {
      const value = operand(frame);
      if (value === settling) return settling;
      if (value !== !settling) return asTruth(value);
    }
    return !settling;
  };
}

/** The operands of a chain, however it is bracketed. */
function operandsOf(operator: string, expression: Expr): readonly Expr[] {
  const node = nodeOf(expression);
  if (node.operator !== operator) return [expression];
  const { left, right } = node.body as Pair;
  return [...operandsOf(operator, left), ...operandsOf(operator, right)];
}

/** The expression, failing where it is no Boolean. */
export function truth(evaluate: Evaluate): Evaluate {
  return (frame) => asTruth(evaluate(frame));
}

function asTruth(outcome: Outcome): Outcome {
  return typeof outcome === 'boolean' || isHalt(outcome) ? outcome : unlike('bool', outcome);
}

function choice(parts: Choice): Evaluate {
  const test = truth(compileExpression(parts.if));
  const [yes, no] = [compileExpression(parts.then), compileExpression(parts.else)];
  return (frame) => {
    const value = test(frame);
    if (isHalt(value)) return value;
    return value === true ? yes(frame) : no(frame);
  };
}

function variable(name: string): Evaluate {
  switch (name) {
    case 'principal':
      return ({ principal }) => principal.entity;
    case 'action':
      return ({ action }) => action.entity;
    case 'resource':
      return ({ resource }) => resource.entity;
    default:
      return wholeContext;
  }
}

/** The context as a value: open while anything in it is. */
function wholeContext({ context }: Frame): Outcome {
  const members = new Map<string, Value>();
  for (const [name, member] of context) {
    if (isHalt(member)) return member;
    members.set(name, member);
  }
  return new RecordValue(members);
}

function access({ left, attr }: Access): Evaluate {
  // A member of the context may be known while others are open.
  if (isContext(left)) return ({ context }) => context.get(attr) ?? missing(attr);
  const holder = compileExpression(left);
  return (frame) => {
    const value = holder(frame);
    return isHalt(value) ? value : attributeOf(value, attr, frame);
  };
}

/** `x has a.b.c` is `x has a && x.a has b && x.a.b has c`. */
function presence({ left, attr }: Presence): Evaluate {
  const [name = '', ...deeper] = [attr].flat();
  const holder = compileExpression(left);
  const here: Evaluate = isContext(left)
    ? ({ context }) => context.has(name)
    : (frame) => {
        const value = holder(frame);
        return isHalt(value) ? value : hasAttribute(value, name, frame);
      };
  if (deeper.length === 0) return here;
  const below = presence({ left: { '.': { left, attr: name } }, attr: deeper });
  return (frame) => {
    const value = here(frame);
    return value === true ? below(frame) : value;
  };
}

function isContext(expression: Expr): boolean {
  const { operator, body } = nodeOf(expression);
  return operator === 'Var' && body === 'context';
}

function likeness({ left, pattern }: Likeness): Evaluate {
  const matches = likePattern(pattern);
  return onOne({ arg: left }, (value) =>
    typeof value === 'string' ? matches(value) : unlike('string', value),
  );
}

function typeTest({ left, entity_type: type, in: above }: TypeTest): Evaluate {
  const isType = onOne({ arg: left }, (value) => isOfType(value, type));
  if (!above) return isType;
  const isBelow = compileExpression({ in: { left, right: above } });
  return (frame) => {
    const value = isType(frame);
    return value === true ? isBelow(frame) : value;
  };
}
