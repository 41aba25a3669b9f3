import type { CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { type ArgumentForm, convertArguments } from './convert-arguments.ts';

const form: ArgumentForm<CedarValueJson> = {
  missing: { __entity: { type: 'Null', id: 'null' } },
  plain: (value) => value,
  decimal: (text) => ({ __extn: { fn: 'decimal', arg: text } }),
  set: (items) => [...items],
  record: (members) => Object.fromEntries(members),
};

/** The arguments of a call in Cedar's JSON form. Throws Fault `invalid_input` like `convertArguments`. */
export function cedarArguments(given: JsonObject): Record<string, CedarValueJson> {
  return convertArguments(given, form) as Record<string, CedarValueJson>;
}
