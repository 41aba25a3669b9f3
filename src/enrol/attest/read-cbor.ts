import type { Fault } from '../../kernel/fault.ts';
import { refusedAttestation } from './attestation-fault.ts';

/** The part of CBOR that attestation objects are made of: no tags, floats or simple values. */
export type CborValue = number | string | Uint8Array | readonly CborValue[] | CborMap;
export type CborMap = ReadonlyMap<string, CborValue>;

/** What one object may have; `depth` counts the containers around a value. */
const limits = { octets: 32 * 1024, values: 128, depth: 4 };

/**
 * Reads one value of CBOR that fills the octets, as CTAP2 §8 writes it: definite lengths, the shortest form of each
 * number, maps with texts as keys and none of them twice. Keys may be in any order, for some writers do not sort them.
 * Throws Fault `attestation_refused`.
 */
export function readCbor(octets: Uint8Array): CborValue {
  if (octets.length > limits.octets) throw malformed(`it has more than ${limits.octets} octets`);
  const reader = new Reader(octets);
  const value = reader.value(0);
  reader.end();
  return value;
}

/** RFC 8949 §3.1. */
const majors = { unsigned: 0, negative: 1, octets: 2, text: 3, array: 4, map: 5 } as const;

class Reader {
  private readonly octets: Uint8Array;
  private readonly view: DataView;
  private at = 0;
  private values = 0;

  constructor(octets: Uint8Array) {
    this.octets = octets;
    this.view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  }

  value(depth: number): CborValue {
    this.values += 1;
    if (this.values > limits.values) throw malformed(`it has more than ${limits.values} values`);
    if (depth > limits.depth) throw malformed('it is nested too deeply');
    const { major, argument } = this.head();
    switch (major) {
      case majors.unsigned:
        return argument;
      case majors.negative:
        return -1 - argument;
      case majors.octets:
        return this.take(argument);
      case majors.text:
        return textOf(this.take(argument));
      case majors.array:
        return this.array(argument, depth + 1);
      case majors.map:
        return this.map(argument, depth + 1);
      default:
        throw malformed('it has a value of a kind that attestations do not have');
    }
  }

  end(): void {
    if (this.at < this.octets.length) throw malformed('there are octets behind its end');
  }

  private array(length: number, depth: number): readonly CborValue[] {
    this.affords(length);
    const members: CborValue[] = [];
    while (members.length < length) members.push(this.value(depth));
    return members;
  }

  private map(length: number, depth: number): CborMap {
    this.affords(length * 2);
    const members = new Map<string, CborValue>();
    for (let left = length; left > 0; left--) {
      const key = this.value(depth);
      if (typeof key !== 'string') throw malformed('a map has a key that is no text');
      if (members.has(key)) throw malformed('a map has a key twice');
      members.set(key, this.value(depth));
    }
    return members;
  }

  private head(): { readonly major: number; readonly argument: number } {
    const [first = 0] = this.take(1);
    const major = first >> 5;
    const short = first & 0x1f;
    if (short < 24) return { major, argument: short };
    // 28 to 30 are reserved, and 31 is a length that is not known from the start.
    if (short > 27) throw malformed('it has a length that is not definite');
    const size = 2 ** (short - 24);
    const argument = this.number(size);
    const least = size === 1 ? 24 : 2 ** (4 * size);
    if (argument < least) throw malformed('a number is not in its shortest form');
    return { major, argument };
  }

  private number(size: number): number {
    const start = this.at;
    this.take(size);
    if (size === 1) return this.view.getUint8(start);
    if (size === 2) return this.view.getUint16(start);
    if (size === 4) return this.view.getUint32(start);
    const number = this.view.getBigUint64(start);
    if (number > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('a number is out of range');
    return Number(number);
  }

  private take(length: number): Uint8Array {
    if (length > this.octets.length - this.at) throw malformed('it is cut off');
    const start = this.at;
    this.at += length;
    return this.octets.subarray(start, this.at);
  }

  private affords(values: number): void {
    if (values > limits.values - this.values) throw malformed(`it has more than ${limits.values} values`);
  }
}

function textOf(octets: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch (cause) {
    throw malformed('a text is not UTF-8', cause);
  }
}

function malformed(why: string, cause?: unknown): Fault {
  return refusedAttestation(`as CBOR ${why}`, cause);
}
