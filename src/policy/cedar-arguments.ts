import type { CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';

// Nesting that Cedar's reader takes, with room for what stands around the arguments.
const maximumDepth = 100;

/**
 * The arguments of a call as a Cedar record. Nothing that a caller sends is read as an entity or an extension value;
 * JSON has values that Cedar has not, which become: null → `Null::"null"`; a fraction → `decimal`, or its text when it
 * has more than four places or is too large; a whole number beyond ±(2^53−1) → its text; an array → a set.
 * Throws Fault `invalid_input` for text that is not Unicode and for nesting that is too deep.
 */
export function cedarArguments(given: JsonObject): Record<string, CedarValueJson> {
  return record(given, 0);
}

function record(given: JsonObject, depth: number): Record<string, CedarValueJson> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [escapeName(wellFormed(name)), convert(value, depth + 1)]),
  );
}

function convert(value: Json, depth: number): CedarValueJson {
  if (depth > maximumDepth)
    throw new Fault('invalid_input', 'The arguments are nested too deep for a policy.');
  if (value === null) return { __entity: { type: 'Null', id: 'null' } };
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'number') return number(value);
  if (typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map((item: Json) => convert(item, depth + 1));
  return record(value as JsonObject, depth);
}

function number(value: number): CedarValueJson {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  const text = String(value);
  // Cedar's decimal: at most four places, within ±922337203685477.5807.
  const isDecimal = /^-?\d{1,15}\.\d{1,4}$/.test(text) && Math.abs(value) < 922_337_203_685_477;
  return isDecimal ? { __extn: { fn: 'decimal', arg: text } } : text;
}

/** Cedar reads `__entity`, `__extn` and `__expr` as more than names: each gets one more underscore, and so on. */
function escapeName(name: string): string {
  return /^_*__(entity|extn|expr)$/.test(name) ? `_${name}` : name;
}

/** A lone surrogate has no UTF-8 form: two different texts would become the same one. */
function wellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  throw new Fault('invalid_input', 'The arguments hold text that is not Unicode (a lone surrogate).');
}
