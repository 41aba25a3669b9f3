import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';

// Nesting that Cedar's reader takes, with room for what stands around the arguments.
const maximumDepth = 100;

/** The form that arguments are wanted in. */
export interface ArgumentForm<Value> {
  readonly missing: Value;
  /** Text, a Boolean or a whole number that a double holds exactly. */
  readonly plain: (value: string | number | boolean) => Value;
  /** A number with one to four places. */
  readonly decimal: (text: string) => Value;
  readonly set: (items: readonly Value[]) => Value;
  readonly record: (members: Iterable<readonly [string, Value]>) => Value;
}

/**
 * The arguments of a call as Cedar values, in one of two forms. Nothing that a caller sends is read as an entity or an
 * extension value; JSON has values that Cedar has not, which become: null → `Null::"null"`; a fraction → `decimal`, or
 * its text when it has more than four places or is too large; a whole number beyond ±(2^53−1) → its text; an array → a
 * set. Throws Fault `invalid_input` for text that is not Unicode and for nesting that is too deep.
 */
export function convertArguments<Value>(given: JsonObject, form: ArgumentForm<Value>): Value {
  return convert(given, form, 0);
}

function convert<Value>(value: Json, form: ArgumentForm<Value>, depth: number): Value {
  if (depth > maximumDepth)
    throw new Fault('invalid_input', 'The arguments are nested too deep for a policy.');
  if (value === null) return form.missing;
  if (typeof value === 'string') return form.plain(wellFormed(value));
  if (typeof value === 'number') return number(value, form);
  if (typeof value === 'boolean') return form.plain(value);
  if (Array.isArray(value)) return form.set(value.map((item: Json) => convert(item, form, depth + 1)));
  const members = Object.entries(value as JsonObject);
  return form.record(
    members.map(([name, member]) => [argumentName(wellFormed(name)), convert(member, form, depth + 1)]),
  );
}

function number<Value>(value: number, form: ArgumentForm<Value>): Value {
  if (Number.isSafeInteger(value)) return form.plain(value === 0 ? 0 : value);
  const text = String(value);
  // Cedar's decimal: at most four places, within ±922337203685477.5807.
  const isDecimal = /^-?\d{1,15}\.\d{1,4}$/.test(text) && Math.abs(value) < 922_337_203_685_477;
  return isDecimal ? form.decimal(text) : form.plain(text);
}

/** The name of an argument in policies. Cedar reads `__entity`, `__extn` and `__expr` as more than names: each gets one more underscore, and so on. */
export function argumentName(name: string): string {
  return name.startsWith('_') && /^_*__(entity|extn|expr)$/.test(name) ? `_${name}` : name;
}

/** A lone surrogate has no UTF-8 form: two different texts would become the same one. */
function wellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  throw new Fault('invalid_input', 'The arguments hold text that is not Unicode (a lone surrogate).');
}
