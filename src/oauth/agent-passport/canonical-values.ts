import type { Json, JsonObject } from '../../kernel/canonical-json.ts';

/** What the profiles take for one written form of a value. */

const timestamp = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const decimal = /^(0|[1-9][0-9]{0,18})$/;
const identifier = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const greatestQuantity = 2n ** 63n - 1n;

/** Epoch milliseconds of a UTC time in milliseconds; null for every other way to write a time. */
export function instantOf(value: Json | undefined): number | null {
  if (typeof value !== 'string' || !timestamp.test(value) || value.startsWith('0000-')) return null;
  const milliseconds = Date.parse(value);
  return Number.isFinite(milliseconds) && new Date(milliseconds).toISOString() === value
    ? milliseconds
    : null;
}

/** A whole number from 0 to 2^63 − 1 in decimal digits; null for anything else. */
export function quantityOf(value: Json | undefined): bigint | null {
  if (typeof value !== 'string' || !decimal.test(value)) return null;
  const quantity = BigInt(value);
  return quantity <= greatestQuantity ? quantity : null;
}

export function isIdentifier(value: Json | undefined): value is string {
  return typeof value === 'string' && identifier.test(value);
}

export function isHex(value: Json | undefined, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value);
}

export function hasExactly(value: JsonObject, names: readonly string[]): boolean {
  const given = Object.keys(value);
  return given.length === names.length && names.every((name) => Object.hasOwn(value, name));
}

/** Whether each text comes behind the one before. */
export function isAscending(texts: readonly string[]): boolean {
  return texts.every((text, index) => index === 0 || (texts[index - 1] ?? '') < text);
}
