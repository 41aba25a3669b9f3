/** A JSON value (RFC 8259). */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A JSON object (RFC 8259 §4). */
export type JsonObject = { readonly [name: string]: Json };

/** A value that may have members to leave out. */
type Writable = Json | { readonly [name: string]: Json | undefined };

/**
 * The one serialisation of a value (RFC 8785): names in UTF-16 order, no white space, ECMAScript numbers.
 * Members that are `undefined` are left out. Throws TypeError for a number JSON cannot hold or a lone surrogate.
 */
export function canonicalJson(value: Writable): string {
  // What is in order already is what JSON.stringify writes (RFC 8785 §3.2.2 takes its forms from ECMAScript).
  return isInOrder(value) ? JSON.stringify(value) : reordered(value);
}

/** Whether the names of every object come in UTF-16 order. Throws TypeError for what has no canonical form. */
function isInOrder(value: Writable): boolean {
  if (typeof value === 'string') {
    // RFC 8785 §3.2.2.2: a lone surrogate has no UTF-8 form and must end the serialisation.
    if (!value.isWellFormed()) throw new TypeError('canonical JSON: lone surrogate');
    return true;
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('canonical JSON: number is not finite');
    return true;
  }
  if (value === null || typeof value === 'boolean') return true;
  if (isJsonArray(value)) return value.every(isInOrder);
  let before = '';
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === undefined) continue;
    if (name < before || !isInOrder(name) || !isInOrder(member)) return false;
    before = name;
  }
  return true;
}

function reordered(value: Writable): string {
  if (isJsonArray(value)) return `[${value.map(reordered).join(',')}]`;
  // What has no members is always in order.
  if (!isJsonObject(value)) return canonicalJson(value);
  const members: string[] = [];
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member !== undefined) members.push(`${reordered(name)}:${reordered(member)}`);
  }
  return `{${members.join(',')}}`;
}

/** Whether a value is a JSON array (RFC 8259 §5). */
export function isJsonArray(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

/** Whether a value is a JSON object rather than an array, a scalar or null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
