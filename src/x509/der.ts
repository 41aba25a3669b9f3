import { concat } from '../kernel/bytes.ts';
import { oids } from './oid.ts';

/** Writers of DER (X.690 §10). Every function gives whole, encoded octets. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element: tag, minimal definite length, content. */
export function element(tag: number, content: Uint8Array): Uint8Array {
  return elementOf(tag, [content]);
}

/** An element whose content is in parts; each is copied once, for a list may have megabytes. */
function elementOf(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const length = lengthOctets(size);
  const octets = new Uint8Array(1 + length.length + size);
  octets[0] = tag;
  octets.set(length, 1);
  let at = 1 + length.length;
  for (const part of parts) {
    octets.set(part, at);
    at += part.length;
  }
  return octets;
}

function lengthOctets(length: number): Uint8Array {
  if (length < 0x80) return new Uint8Array([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return new Uint8Array([0x80 | octets.length, ...octets]);
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return elementOf(tags.sequence, parts);
}

/** A SET OF in the order DER wants: ascending by encoded octets (X.690 §11.6). */
export function setOf(...parts: readonly Uint8Array[]): Uint8Array {
  return elementOf(
    tags.set,
    [...parts].sort((a, b) => Buffer.compare(a, b)),
  );
}

/** A non-negative INTEGER of big-endian magnitude octets. */
export function unsignedInteger(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const minimal = magnitude.length === 0 ? new Uint8Array([0]) : magnitude.subarray(start);
  const negative = ((minimal[0] ?? 0) & 0x80) !== 0;
  return element(tags.integer, negative ? concat([new Uint8Array([0]), minimal]) : minimal);
}

export function smallInteger(value: number): Uint8Array {
  const hex = value.toString(16);
  return unsignedInteger(
    new Uint8Array(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')),
  );
}

export function boolean(value: boolean): Uint8Array {
  return element(tags.boolean, new Uint8Array([value ? 0xff : 0]));
}

export function octetString(content: Uint8Array): Uint8Array {
  return element(tags.octetString, content);
}

/** A BIT STRING of whole octets. */
export function bitString(content: Uint8Array): Uint8Array {
  return elementOf(tags.bitString, [new Uint8Array([0]), content]);
}

/** A named-bit list without trailing zero bits (X.690 §11.2.2); bit 0 is the first. */
export function namedBits(bits: readonly number[]): Uint8Array {
  const highest = Math.max(...bits);
  const octets = new Uint8Array(Math.floor(highest / 8) + 1);
  for (const bit of bits) {
    const at = Math.floor(bit / 8);
    octets[at] = (octets[at] ?? 0) | (0x80 >> (bit % 8));
  }
  return element(tags.bitString, concat([new Uint8Array([7 - (highest % 8)]), octets]));
}

/** An OBJECT IDENTIFIER; those that this room knows by name were encoded once. Not to be written into. */
export function objectIdentifier(dotted: string): Uint8Array {
  return encodedOids.get(dotted) ?? encodeOid(dotted);
}

function encodeOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left % 128) | 0x80);
    octets.push(...digits);
  }
  return element(tags.oid, new Uint8Array(octets));
}

const encodedOids: ReadonlyMap<string, Uint8Array> = new Map(
  Object.values(oids).map((dotted) => [dotted, encodeOid(dotted)]),
);

export function text(tag: number, value: string): Uint8Array {
  return element(tag, new Uint8Array(Buffer.from(value, 'utf8')));
}

/** Context-specific and constructed: `[number]` around whole elements. */
export function explicit(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return elementOf(0xa0 | number, parts);
}

/** Context-specific and primitive: `[number] IMPLICIT` content. */
export function implicit(number: number, content: Uint8Array): Uint8Array {
  return element(0x80 | number, content);
}
