import { isJsonArray, isJsonObject, type Json, type JsonObject } from './canonical-json.ts';

/** The value that a JSON Pointer leads to, or all of a list; nothing when it leads nowhere. */
export function valuesAt(object: JsonObject, pointer: string): readonly Json[] {
  const value = at(object, pointer);
  if (value === undefined) return [];
  return isJsonArray(value) ? value : [value];
}

/** What a JSON Pointer leads to (RFC 6901 §4), through objects only. */
function at(value: Json, pointer: string): Json | undefined {
  let here: Json | undefined = value;
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isJsonObject(here) || !Object.hasOwn(here, name)) return undefined;
    here = here[name];
  }
  return here;
}
