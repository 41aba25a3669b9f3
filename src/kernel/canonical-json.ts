/** A JSON value (RFC 8259). */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A JSON object (RFC 8259 §4). */
export type JsonObject = { readonly [name: string]: Json };

/** A value that was serialised ahead of time, to stand in many others. */
export class CanonicalText {
  readonly text: string;

  /** Throws TypeError as `canonicalJson` does. */
  constructor(value: Writable) {
    this.text = canonicalJson(value);
  }
}

/** A value that may have members to leave out, and parts that are serialised already. */
export type Writable =
  | Json
  | CanonicalText
  | readonly Writable[]
  | { readonly [name: string]: Writable | undefined };

/**
 * The one serialisation of a value (RFC 8785): names in UTF-16 order, no white space, ECMAScript numbers.
 * Members that are `undefined` are left out. Throws TypeError for a number JSON cannot hold or a lone surrogate.
 */
export function canonicalJson(value: Writable): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('canonical JSON: number is not finite');
      // RFC 8785 §3.2.2.3 takes the form of numbers from ECMAScript.
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    default:
      if (value === null) return 'null';
      if (value instanceof CanonicalText) return value.text;
      return isList(value) ? elements(value) : members(value);
  }
}

function elements(value: readonly Writable[]): string {
  let text = '';
  for (const element of value) text += text === '' ? canonicalJson(element) : `,${canonicalJson(element)}`;
  return `[${text}]`;
}

function members(value: { readonly [name: string]: Writable | undefined }): string {
  let text = '';
  for (const name of namesInOrder(value)) {
    const member = value[name];
    if (member === undefined) continue;
    const written = `${quoted(name)}:${canonicalJson(member)}`;
    text += text === '' ? written : `,${written}`;
  }
  return `{${text}}`;
}

function namesInOrder(value: object): readonly string[] {
  const names = Object.keys(value);
  for (let at = 1; at < names.length; at++) {
    if ((names[at - 1] ?? '') > (names[at] ?? '')) return names.sort();
  }
  return names;
}

// RFC 8785 §3.2.2.2: quotation marks, backslashes and controls are escaped; surrogates need a closer look.
const plain = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

function quoted(text: string): string {
  if (plain.test(text)) return `"${text}"`;
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
