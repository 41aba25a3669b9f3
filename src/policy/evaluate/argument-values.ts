import type { JsonObject } from '../../kernel/canonical-json.ts';
import { type ArgumentForm, convertArguments } from '../convert-arguments.ts';
import { decimal } from './decimal-functions.ts';
import { entity, RecordValue, SetValue, type Value } from './value.ts';

const form: ArgumentForm<Value> = {
  missing: entity('Null', 'null'),
  plain: (value) => value,
  decimal: (text) => decimal(text) ?? text,
  set: (items) => new SetValue(items),
  record: (members) => new RecordValue(new Map(members)),
};

/** The arguments of a call as values. Throws Fault `invalid_input` like `convertArguments`. */
export function argumentValues(given: JsonObject): Value {
  return convertArguments(given, form);
}
