import type { Frame, KnownEntity } from './frame.ts';
import { arithmetic, isLong } from './long.ts';
import {
  entity,
  type EntityValue,
  equal,
  type ExtensionValue,
  failure,
  keyOf,
  type Outcome,
  type SetValue,
  unlike,
  type Value,
} from './value.ts';

/** What an operator makes of its two operands. */
export type Binary = (left: Value, right: Value, frame: Frame) => Outcome;

const anyEntity = '(entity of type `any_entity_type`)';
const holder = `one of [record, ${anyEntity}]`;

/** The operators that evaluate both operands, by the name they have in a policy's JSON form. */
export const binaryOperators: ReadonlyMap<string, Binary> = new Map<string, Binary>([
  ['==', equal],
  ['!=', (left, right) => !equal(left, right)],
  ['<', comparing((left, right) => left < right)],
  ['<=', comparing((left, right) => left <= right)],
  ['>', comparing((left, right) => left > right)],
  ['>=', comparing((left, right) => left >= right)],
  [
    '+',
    arithmetic(
      (left, right) => left + right,
      (left, right) => left + right,
    ),
  ],
  [
    '-',
    arithmetic(
      (left, right) => left - right,
      (left, right) => left - right,
    ),
  ],
  [
    '*',
    arithmetic(
      (left, right) => left * right,
      (left, right) => left * right,
    ),
  ],
  ['in', isIn],
  ['contains', (set, item) => (isSet(set) ? set.keys.has(keyOf(item)) : unlike('set', set))],
  ['containsAll', onSets((left, right) => right.isSubsetOf(left))],
  ['containsAny', onSets((left, right) => !right.isDisjointFrom(left))],
]);

/** `.name`: what is not there is a failure. */
export function attributeOf(value: Value, name: string, frame: Frame): Outcome {
  if (typeof value === 'object' && value.kind === 'record') return value.members.get(name) ?? missing(name);
  if (!isEntity(value)) return unlike(holder, value);
  const known = knownEntity(value, frame);
  if (!known) return failure('the entity does not exist');
  return known.attributes.get(name) ?? missing(name);
}

export function missing(name: string): Outcome {
  return failure(`does not have the attribute \`${name}\``);
}

/** `has name`: an entity that does not exist has nothing. */
export function hasAttribute(value: Value, name: string, frame: Frame): Outcome {
  if (typeof value === 'object' && value.kind === 'record') return value.members.has(name);
  if (!isEntity(value)) return unlike(holder, value);
  return knownEntity(value, frame)?.attributes.has(name) ?? false;
}

export function isOfType(value: Value, type: string): Outcome {
  return isEntity(value) ? value.type === type : unlike(anyEntity, value);
}

function isIn(left: Value, right: Value, frame: Frame): Outcome {
  if (!isEntity(left)) return unlike(anyEntity, left);
  if (isEntity(right)) return isBelow(left, right, frame);
  if (!isSet(right)) return unlike(`one of [set, ${anyEntity}]`, right);
  const stranger = right.items.find((item) => !isEntity(item));
  if (stranger !== undefined) return unlike(anyEntity, stranger);
  return right.items.some((item) => isEntity(item) && isBelow(left, item, frame));
}

function isBelow(below: EntityValue, above: EntityValue, frame: Frame): boolean {
  return below.key === above.key || (knownEntity(below, frame)?.parents.has(above.key) ?? false);
}

/** The entity with what is known of it; others than those of the question do not exist. */
function knownEntity({ key }: EntityValue, { principal, action, resource }: Frame): KnownEntity | undefined {
  return [principal, resource, action].find((known) => known.entity.key === key);
}

/** Longs, points in time and durations have an order, each among themselves. */
function comparing(test: (left: number | bigint, right: number | bigint) => boolean): Binary {
  return (left, right) => {
    if (isLong(left)) return isLong(right) ? test(left, right) : unlike('long', right);
    if (isLong(right)) return unlike('long', left);
    if (isOrdered(left)) {
      const isSame = isOrdered(right) && right.type === left.type;
      return isSame ? test(left.amount, right.amount) : unlike(left.type, right);
    }
    if (isOrdered(right)) return unlike(right.type, left);
    return unlike('one of [long, datetime, duration]', left);
  };
}

function onSets(test: (left: ReadonlySet<string>, right: ReadonlySet<string>) => boolean): Binary {
  return (left, right) => {
    if (!isSet(left)) return unlike('set', left);
    if (!isSet(right)) return unlike('set', right);
    return test(left.keys, right.keys);
  };
}

export function isSet(value: Value): value is SetValue {
  return typeof value === 'object' && value.kind === 'set';
}

function isEntity(value: Value): value is EntityValue {
  return typeof value === 'object' && value.kind === 'entity';
}

function isOrdered(value: Value): value is ExtensionValue {
  if (typeof value !== 'object' || value.kind !== 'extension') return false;
  return value.type === 'datetime' || value.type === 'duration';
}

/** A literal of a policy's JSON form, or null when it is one that policies in text cannot hold. */
export function literalValue(literal: unknown): Value | null {
  if (typeof literal === 'boolean' || typeof literal === 'string') return literal;
  if (typeof literal === 'number') return Number.isSafeInteger(literal) ? literal + 0 : null;
  if (typeof literal !== 'object' || literal === null || !('__entity' in literal)) return null;
  const { type, id } = literal.__entity as { readonly type: string; readonly id: string };
  return entity(type, id);
}
