import type { Json } from '../kernel/canonical-json.ts';

/**
 * Whether every number of a value is what its text said. JSON.parse rounds integers beyond 2^53 (RFC 8259 §6) and
 * turns what a double cannot hold into Infinity; forwarded, they would be other numbers than the client sent.
 */
export function isCarriedExactly(value: Json): boolean {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
  }
  if (typeof value !== 'object' || value === null) return true;
  for (const member of Object.values(value)) if (!isCarriedExactly(member)) return false;
  return true;
}
