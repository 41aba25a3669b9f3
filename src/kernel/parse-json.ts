import { isAscii } from 'node:buffer';
import { isJsonArray, type Json } from './canonical-json.ts';
import { Fault } from './fault.ts';

/** Bounds that hold while the text is read, before any value is built. */
export interface JsonLimits {
  /** How deep arrays and objects may nest. */
  readonly depth: number;
  /** How many values (members, elements and scalars) the text may hold. */
  readonly values: number;
}

export const defaultJsonLimits: JsonLimits = { depth: 64, values: 100_000 };

/**
 * Reads JSON (RFC 8259) strictly: valid UTF-8, one value, bounded depth and count, and no object that names a
 * member twice, or twice but for case, which two parsers could read differently (CVE-2026-27896; AISVS 10.4.7).
 * Throws Fault `malformed_json`, `json_too_deep`, `json_too_many_values` or `json_duplicate_key`.
 */
export function parseJson(input: Uint8Array | string, limits: JsonLimits = defaultJsonLimits): Json {
  return parseJsonText(input, limits).value;
}

/** As `parseJson`; `plain` tells that JSON.stringify of the value gives this very text again. */
export function parseJsonText(
  input: Uint8Array | string,
  limits: JsonLimits,
): { readonly value: Json; readonly plain: boolean } {
  const text = typeof input === 'string' ? input : decodeUtf8(input);
  const value = parsePlain(text, limits);
  if (value !== undefined) return { value, plain: true };
  scan(text, limits);
  try {
    return { value: JSON.parse(text) as Json, plain: false };
  } catch (cause) {
    throw new Fault('malformed_json', 'The text is not valid JSON.', { cause });
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    if (isAscii(bytes))
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    return decoder.decode(bytes);
  } catch (cause) {
    throw new Fault('malformed_json', 'The text is not valid UTF-8.', { cause });
  }
}

/** Longest text whose nesting JSON.parse may build before it is measured. */
const longestPlain = 16 * 1024;

/**
 * The value of a short text that is what JSON.stringify writes of it, as most clients send it; undefined for any other,
 * which `scan` judges. Nothing is named twice in it, for the second of two equal names would have been lost; and a text
 * has fewer values than characters.
 */
function parsePlain(text: string, limits: JsonLimits): Json | undefined {
  if (text.length > longestPlain || text.length > limits.values) return undefined;
  try {
    const value = JSON.parse(text) as Json;
    return isShallow(value, limits.depth) && JSON.stringify(value) === text ? value : undefined;
  } catch {
    // The scan tells what is wrong.
    return undefined;
  }
}

/** Whether a value nests at most so deep and none of its objects has two names that differ in case alone. */
function isShallow(value: Json, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  if (isJsonArray(value)) {
    for (const element of value) if (!isShallow(element, depth - 1)) return false;
    return true;
  }
  const folded: string[] = [];
  for (const name in value) {
    const lower = name.toLowerCase();
    if (folded.length === mostPlainNames || folded.includes(lower)) return false;
    if (!isShallow(value[name] ?? null, depth - 1)) return false;
    folded.push(lower);
  }
  return true;
}

/** Names that are compared one by one. */
const mostPlainNames = 16;

const quote = 0x22;
const backslash = 0x5c;

/** One pass over the text that enforces the limits and unique names; grammar is left to JSON.parse. */
function scan(text: string, limits: JsonLimits): void {
  // One entry per open bracket: the names seen so far in an object, or null for an array.
  const open: (Set<string> | null)[] = [];
  let values = 0;
  let expectName = false;
  let inScalar = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const end = stringEnd(text, at);
      const names = open.at(-1);
      if (expectName && names) claimName(names, text.slice(at, end + 1));
      expectName = false;
      inScalar = false;
      values = count(values, limits);
      at = end;
    } else if (code === 0x7b || code === 0x5b) {
      if (open.length >= limits.depth) {
        throw new Fault('json_too_deep', `The JSON is nested deeper than ${limits.depth} levels.`);
      }
      open.push(code === 0x7b ? new Set() : null);
      expectName = code === 0x7b;
      inScalar = false;
      values = count(values, limits);
    } else if (code === 0x7d || code === 0x5d) {
      open.pop();
      expectName = false;
      inScalar = false;
    } else if (code === 0x2c) {
      expectName = open.at(-1) instanceof Set;
      inScalar = false;
    } else if (code === 0x3a || code <= 0x20) {
      inScalar = false;
    } else if (!inScalar) {
      inScalar = true;
      values = count(values, limits);
    }
  }
}

function count(values: number, limits: JsonLimits): number {
  if (values >= limits.values) {
    throw new Fault('json_too_many_values', `The JSON holds more than ${limits.values} values.`);
  }
  return values + 1;
}

function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === quote) return at;
    at += code === backslash ? 2 : 1;
  }
  throw new Fault('malformed_json', 'The text ends inside a string.');
}

function claimName(names: Set<string>, literal: string): void {
  const folded = unquoted(literal).toLowerCase();
  if (names.has(folded)) {
    throw new Fault('json_duplicate_key', 'An object names the same member twice (compared without case).');
  }
  names.add(folded);
}

function unquoted(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch (cause) {
    throw new Fault('malformed_json', 'A member name is not a valid JSON string.', { cause });
  }
}
