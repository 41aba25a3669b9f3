/** A JSON value (RFC 8259). */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A JSON object (RFC 8259 §4). */
export type JsonObject = { readonly [name: string]: Json };

/** A value that may have members to leave out. */
export type Writable = Json | readonly Writable[] | { readonly [name: string]: Writable | undefined };

/**
 * The one serialisation of a value (RFC 8785): names in UTF-16 order, no white space, ECMAScript numbers.
 * Members that are `undefined` are left out. Throws TypeError for a number JSON cannot hold or a lone surrogate.
 */
export function canonicalJson(value: Writable): string {
  // RFC 8785 takes numbers, texts and escapes from ECMAScript: only the order of names is left to see to.
  if (!isInOrder(value)) return written(value);
  const text = JSON.stringify(value);
  // That is how JSON.stringify writes a lone surrogate; or a backslash stood before those letters.
  return text.includes('\\ud') ? written(value) : text;
}

/** Whether names stand in order all the way down, and nothing is in it that JSON.stringify writes as something else. */
function isInOrder(value: Writable | undefined): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return value !== undefined;
  if (isList(value)) {
    for (const element of value) if (!isInOrder(element)) return false;
    return true;
  }
  let last = '';
  for (const name in value) {
    const member = value[name];
    if (name < last || (member !== undefined && !isInOrder(member))) return false;
    last = name;
  }
  return true;
}

function written(value: Writable): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('canonical JSON: number is not finite');
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    default:
      if (value === null) return 'null';
      return isList(value) ? elements(value) : members(value);
  }
}

function elements(value: readonly Writable[]): string {
  let text = '';
  for (const element of value) text += text === '' ? written(element) : `,${written(element)}`;
  return `[${text}]`;
}

function members(value: { readonly [name: string]: Writable | undefined }): string {
  let text = '';
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member === undefined) continue;
    const pair = `${quoted(name)}:${written(member)}`;
    text += text === '' ? pair : `,${pair}`;
  }
  return `{${text}}`;
}

function quoted(text: string): string {
  // A lone surrogate has no UTF-8 form and must end the serialisation.
  if (!text.isWellFormed()) throw new TypeError('canonical JSON: lone surrogate');
  return JSON.stringify(text);
}

function isList(value: Writable): value is readonly Writable[] {
  return Array.isArray(value);
}

/** Whether a value is a JSON array (RFC 8259 §5). */
export function isJsonArray(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

/** Whether a value is a JSON object rather than an array, a scalar or null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
