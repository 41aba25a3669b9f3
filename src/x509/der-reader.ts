import { Fault } from '../kernel/fault.ts';
import { tags } from './der.ts';

/** One element as it stands in its octets. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content together. */
  readonly whole: Uint8Array;
}

/** Anything that is not the one DER encoding of the structure expected. */
export function malformed(what: string): Fault {
  return new Fault('malformed_der', `The octets are not valid DER: ${what}.`);
}

/** The one element that fills the octets. Throws Fault `malformed_der` also for anything behind it. */
export function readElement(bytes: Uint8Array): DerElement {
  const found = elementAt(bytes, 0);
  if (found.whole.length !== bytes.length) throw malformed('octets behind the end');
  return found;
}

/** The elements that fill the octets, in order. */
export function readElements(bytes: Uint8Array): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const found = elementAt(bytes, at);
    elements.push(found);
    at += found.whole.length;
  }
  return elements;
}

/** The element that begins there. */
export function elementAt(bytes: Uint8Array, start: number): DerElement {
  const tag = bytes[start];
  if (tag === undefined) throw malformed('an element is cut off');
  if ((tag & 0x1f) === 0x1f) throw malformed('a tag number above 30');
  const { from, end } = contentAt(bytes, start + 1);
  return { tag, content: bytes.subarray(from, end), whole: bytes.subarray(start, end) };
}

/** Where the content lies whose length begins there. */
export function contentAt(bytes: Uint8Array, start: number): { readonly from: number; readonly end: number } {
  const first = bytes[start];
  if (first === undefined) throw malformed('an element is cut off');
  let from = start + 1;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw malformed('an indefinite or giant length');
    length = 0;
    for (let index = 0; index < count; index++) {
      const octet = bytes[from + index];
      if (octet === undefined) throw malformed('a length is cut off');
      length = length * 256 + octet;
    }
    from += count;
    // X.690 §10.1: the shortest form only.
    if (length < 0x80 || length < 256 ** (count - 1)) throw malformed('a length that is not minimal');
  }
  const end = from + length;
  if (end > bytes.length) throw malformed('a length beyond the end');
  return { from, end };
}

/** Reads the members of a SEQUENCE one by one; what is left at the end is a fault. */
export class SequenceReader {
  private readonly elements: readonly DerElement[];
  private at = 0;

  constructor(container: DerElement, tag: number = tags.sequence) {
    if (container.tag !== tag) throw malformed(`tag ${container.tag} where ${tag} is expected`);
    this.elements = readElements(container.content);
  }

  /** The next member, which must have one of the tags. */
  next(...expected: readonly number[]): DerElement {
    const found = this.elements[this.at];
    if (!found) throw malformed('a member is missing');
    if (expected.length > 0 && !expected.includes(found.tag))
      throw malformed(`an unexpected tag ${found.tag}`);
    this.at += 1;
    return found;
  }

  /** The next member if it has the tag, else null. */
  optional(tag: number): DerElement | null {
    const found = this.elements[this.at];
    if (found?.tag !== tag) return null;
    this.at += 1;
    return found;
  }

  /** The remaining members. */
  rest(): readonly DerElement[] {
    const rest = this.elements.slice(this.at);
    this.at = this.elements.length;
    return rest;
  }

  end(): void {
    if (this.at < this.elements.length) throw malformed('a member too many');
  }
}

/** A non-negative INTEGER as minimal magnitude octets. */
export function readUnsigned(element: DerElement): Uint8Array {
  const bytes = readInteger(element);
  if (((bytes[0] ?? 0) & 0x80) !== 0) throw malformed('a negative number');
  return bytes.length > 1 && bytes[0] === 0 ? bytes.subarray(1) : bytes;
}

/** A small non-negative INTEGER. */
export function readSmall(element: DerElement): number {
  const magnitude = readUnsigned(element);
  if (magnitude.length > 4) throw malformed('a number out of range');
  return magnitude.reduce((value, octet) => value * 256 + octet, 0);
}

/** The two's-complement octets of an INTEGER in its shortest form (X.690 §8.3.2). */
export function readInteger(element: DerElement): Uint8Array {
  const [first, second] = element.content;
  if (element.tag !== tags.integer || first === undefined) throw malformed('an INTEGER is expected');
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw malformed('an INTEGER that is not minimal');
  }
  return element.content;
}

export function readBoolean(element: DerElement): boolean {
  const [value] = element.content;
  if (element.tag !== tags.boolean || element.content.length !== 1 || (value !== 0 && value !== 0xff)) {
    throw malformed('a BOOLEAN that is neither TRUE nor FALSE');
  }
  return value === 0xff;
}

/** The octets of a BIT STRING without unused bits. */
export function readBitString(element: DerElement): Uint8Array {
  if (element.tag !== tags.bitString || element.content[0] !== 0)
    throw malformed('a BIT STRING of whole octets is expected');
  return element.content.subarray(1);
}

/** The numbers of the set bits of a named-bit list. */
export function readNamedBits(element: DerElement): readonly number[] {
  const [unused, ...octets] = element.content;
  const last = octets.at(-1);
  if (
    element.tag !== tags.bitString ||
    unused === undefined ||
    unused > 7 ||
    (octets.length === 0 && unused > 0)
  ) {
    throw malformed('a BIT STRING is expected');
  }
  // X.690 §11.2.2: no trailing zero bits, so the last used bit is set and the unused ones are not.
  if (last !== undefined && (last & ((1 << unused) - 1)) !== 0) throw malformed('unused bits that are set');
  if (last !== undefined && ((last >> unused) & 1) === 0) throw malformed('trailing zero bits');
  const bits: number[] = [];
  for (const [at, octet] of octets.entries()) {
    for (let bit = 0; bit < 8; bit++) if ((octet & (0x80 >> bit)) !== 0) bits.push(at * 8 + bit);
  }
  return bits;
}

/** The dotted form of an OBJECT IDENTIFIER. */
export function readOid(element: DerElement): string {
  const { content } = element;
  if (element.tag !== tags.oid || content.length === 0 || ((content.at(-1) ?? 0) & 0x80) !== 0) {
    throw malformed('an OBJECT IDENTIFIER is expected');
  }
  const arcs: number[] = [];
  let value = 0;
  let fresh = true;
  for (const octet of content) {
    if (fresh && octet === 0x80) throw malformed('an OBJECT IDENTIFIER that is not minimal');
    value = value * 128 + (octet & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER / 128) throw malformed('an OBJECT IDENTIFIER out of range');
    fresh = octet < 0x80;
    if (fresh) {
      arcs.push(value);
      value = 0;
    }
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...rest].join('.');
}
