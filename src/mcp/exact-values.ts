import { isJsonArray, type Json } from '../kernel/canonical-json.ts';

/**
 * Whether every number and string of a value can be forwarded as its text said it. JSON.parse rounds integers beyond 2^53 (RFC 8259 §6) and
 * turns what a double cannot hold into Infinity; forwarded, they would be other numbers than the client sent.
 * A lone surrogate has no UTF-8 form and would become another character (RFC 8259 §8.2).
 */
export function isCarriedExactly(value: Json): boolean {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
  }
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (isJsonArray(value)) {
    for (const element of value) if (!isCarriedExactly(element)) return false;
    return true;
  }
  for (const name in value) {
    if (!name.isWellFormed() || !isCarriedExactly(value[name] ?? null)) return false;
  }
  return true;
}
