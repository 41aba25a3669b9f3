import { concat } from '../kernel/bytes.ts';
import { element, tags } from './der.ts';
import { malformed } from './der-reader.ts';

/** What one message may be made of: far more than CMS needs, and little enough for a stranger's octets. */
const greatestDepth = 24;
const mostElements = 2_000;

/** An OCTET STRING in pieces (X.690 §8.7.3), which DER does not have. */
const constructedOctetString = 0x24;

/**
 * Rewrites BER (X.690 §8) as DER, as far as lengths and strings in pieces go: definite, shortest lengths, and every OCTET
 * STRING in one piece. Order and values stay, so that what was DER comes out as it was. CMS may come in BER (RFC 5652
 * §5.1), and some clients send it so. Throws Fault `malformed_der`.
 */
export function derOfBer(bytes: Uint8Array): Uint8Array {
  const budget = { left: mostElements };
  const { octets, end } = rewrite({ bytes, start: 0, limit: bytes.length, depth: 0 }, budget);
  if (end !== bytes.length) throw malformed('octets behind the end');
  return octets;
}

interface Place {
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Where what it stands in ends at the latest. */
  readonly limit: number;
  readonly depth: number;
}

interface Rewritten {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly octets: Uint8Array;
  /** Where the next element begins. */
  readonly end: number;
}

function rewrite(place: Place, budget: { left: number }): Rewritten {
  const { bytes, depth, limit } = place;
  budget.left -= 1;
  if (budget.left < 0 || depth > greatestDepth) throw malformed('more elements than a message may have');
  const { tag, from, length } = readHeader(place);
  const constructed = (tag & 0x20) !== 0;
  if (!constructed) {
    if (length === null) throw malformed('an indefinite length of what has no parts');
    const content = bytes.subarray(from, from + length);
    return { tag, content, octets: element(tag, content), end: from + length };
  }
  const inner = { bytes, depth: depth + 1, limit: length === null ? limit : from + length };
  const parts: Rewritten[] = [];
  let at = from;
  while (length === null ? !isEnd(bytes, at, limit) : at < inner.limit) {
    const part = rewrite({ ...inner, start: at }, budget);
    parts.push(part);
    at = part.end;
  }
  const end = length === null ? at + 2 : at;
  if (tag === constructedOctetString) {
    if (parts.some((part) => part.tag !== tags.octetString)) throw malformed('a string of other pieces');
    const content = concat(parts.map((part) => part.content));
    return { tag: tags.octetString, content, octets: element(tags.octetString, content), end };
  }
  const content = concat(parts.map((part) => part.octets));
  return { tag, content, octets: element(tag, content), end };
}

function readHeader({ bytes, start, limit }: Place): {
  readonly tag: number;
  readonly from: number;
  /** Null when it is indefinite. */
  readonly length: number | null;
} {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined || start + 2 > limit) throw malformed('an element is cut off');
  if ((tag & 0x1f) === 0x1f) throw malformed('a tag number above 30');
  // X.690 §8.1.5: two zero octets only end what has an indefinite length.
  if (tag === 0) throw malformed('an end where nothing began');
  if (first === 0x80) return { tag, from: start + 2, length: null };
  let length = first;
  let from = start + 2;
  if (first > 0x80) {
    const count = first & 0x7f;
    if (count > 4) throw malformed('a giant length');
    length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + (bytes[from + index] ?? 0);
    from += count;
  }
  if (from + length > limit) throw malformed('a length beyond the end');
  return { tag, from, length };
}

function isEnd(bytes: Uint8Array, at: number, limit: number): boolean {
  if (at + 2 > limit) throw malformed('an indefinite length without an end');
  return bytes[at] === 0 && bytes[at + 1] === 0;
}
