import { concat, utf8 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';

/**
 * The calls of PKCS #11 that are made here: their number and the shapes of request and answer in the protocol of
 * `p11-kit remote` (p11-kit/rpc-message.h). u: number, y: octet, ay: octets, au: numbers, aA: attributes, f…: room for
 * them, M: mechanism, s: text, v: version.
 */
export const calls = {
  initialize: { id: 1, request: 'ayyay', answer: '' },
  getSlotList: { id: 4, request: 'yfu', answer: 'au' },
  getTokenInfo: { id: 6, request: 'u', answer: 'ssssuuuuuuuuuuuvvs' },
  openSession: { id: 10, request: 'uu', answer: 'u' },
  login: { id: 18, request: 'uuay', answer: '' },
  getAttributeValue: { id: 24, request: 'uufA', answer: 'aAu' },
  findObjectsInit: { id: 26, request: 'uaA', answer: '' },
  findObjects: { id: 27, request: 'ufu', answer: 'au' },
  findObjectsFinal: { id: 28, request: 'u', answer: '' },
  signInit: { id: 42, request: 'uMu', answer: '' },
  sign: { id: 43, request: 'uayfy', answer: 'ay' },
  generateKeyPair: { id: 59, request: 'uMaAaA', answer: 'uu' },
} as const;

export type Call = (typeof calls)[keyof typeof calls];

/** An attribute of an object: its type, and a value of the kind that the type has. */
export interface Attribute {
  readonly type: number;
  readonly value: boolean | number | Uint8Array | string;
}

const absent = 0xff_ff_ff_ff;

/** Writes one request, part by part in the order of its shape. */
export interface RequestWriter {
  number(value: number): RequestWriter;
  octet(value: number): RequestWriter;
  octets(value: Uint8Array): RequestWriter;
  /** Room for so many numbers, octets or attributes in the answer. */
  room(count: number): RequestWriter;
  /** A mechanism without a parameter. */
  mechanism(type: number): RequestWriter;
  attributes(list: readonly Attribute[]): RequestWriter;
  /** Attributes that are asked for, each with room for so many octets. */
  wanted(types: readonly number[], room: number): RequestWriter;
  whole(): Uint8Array;
}

export function writeRequest(call: Call): RequestWriter {
  const parts: Uint8Array[] = [uint32(call.id), counted(utf8(call.request))];
  const add = (...more: readonly Uint8Array[]): RequestWriter => {
    parts.push(...more);
    return writer;
  };
  const writer: RequestWriter = {
    number: (value) => add(uint64(value)),
    octet: (value) => add(Uint8Array.of(value)),
    octets: (value) => add(Uint8Array.of(1), counted(value)),
    room: (count) => add(uint32(count)),
    mechanism: (type) => add(uint32(type), uint32(absent)),
    attributes: (list) => add(uint32(list.length), ...list.flatMap(attributeParts)),
    wanted: (types, room) =>
      add(uint32(types.length), ...types.flatMap((type) => [uint32(type), uint32(room)])),
    whole: () => concat(parts),
  };
  return writer;
}

/** A CK_BBOOL is one octet, a CK_ULONG eight on every machine that Node runs on but Windows, which has no p11-kit. */
function attributeParts({ type, value }: Attribute): readonly Uint8Array[] {
  const head = [uint32(type), Uint8Array.of(1)];
  if (typeof value === 'boolean') return [...head, uint32(1), Uint8Array.of(value ? 1 : 0)];
  if (typeof value === 'number') return [...head, uint32(8), uint64(value)];
  const octets = typeof value === 'string' ? utf8(value) : value;
  return [...head, uint32(octets.length), counted(octets)];
}

/** Reads an answer, part by part. Throws Fault `unavailable` when it is not of the shape expected. */
export interface AnswerReader {
  number(): number;
  octet(): number;
  text(): string;
  /** Null when only their number was told. */
  octets(): Uint8Array | null;
  numbers(): readonly number[];
  /** By type; those that the object does not have are left out. `kinds` are the kinds of the types asked for. */
  attributes(
    kinds: Readonly<Record<number, 'octet' | 'number' | 'octets'>>,
  ): ReadonlyMap<number, AttributeValue>;
}

export type AttributeValue = number | Uint8Array;

/** A return value of PKCS #11 other than CKR_OK. */
export class CryptokiError extends Error {
  readonly value: number;

  constructor(value: number) {
    super(`CKR 0x${value.toString(16)}`);
    this.name = 'CryptokiError';
    this.value = value;
  }
}

/** Throws CryptokiError when the module refused the call, and Fault `unavailable` for what is no answer to it. */
export function readAnswer(octets: Uint8Array, call: Call): AnswerReader {
  const cursor = createCursor(octets);
  const id = cursor.uint32();
  const shape = Buffer.from(cursor.counted() ?? []).toString('latin1');
  if (id === 0 && shape === 'u') throw new CryptokiError(cursor.uint64());
  if (id !== call.id || shape !== call.answer) throw garbled();
  return {
    number: cursor.uint64,
    octet: cursor.octet,
    text: () =>
      Buffer.from(cursor.counted() ?? [])
        .toString('utf8')
        .trimEnd(),
    octets() {
      if (cursor.octet() !== 0) return cursor.counted();
      cursor.uint32();
      return null;
    },
    numbers() {
      const valid = cursor.octet() !== 0;
      const count = cursor.uint32();
      return valid ? Array.from({ length: bounded(count) }, () => cursor.uint64()) : [];
    },
    attributes(kinds) {
      const found = new Map<number, AttributeValue>();
      const count = bounded(cursor.uint32());
      for (let at = 0; at < count; at++) {
        const type = cursor.uint32();
        if (cursor.octet() === 0) continue;
        cursor.uint32();
        const kind = kinds[type];
        if (kind === 'octet') found.set(type, cursor.octet());
        else if (kind === 'number') found.set(type, cursor.uint64());
        else found.set(type, cursor.counted() ?? new Uint8Array());
      }
      return found;
    },
  };
}

interface Cursor {
  octet(): number;
  uint32(): number;
  uint64(): number;
  counted(): Uint8Array | null;
}

function createCursor(octets: Uint8Array): Cursor {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  let at = 0;
  const take = (length: number): number => {
    if (at + length > buffer.length) throw garbled();
    at += length;
    return at - length;
  };
  const uint32 = (): number => buffer.readUInt32BE(take(4));
  return {
    octet: () => buffer.readUInt8(take(1)),
    uint32,
    uint64() {
      const value = buffer.readBigUInt64BE(take(8));
      // CK_UNAVAILABLE_INFORMATION and handles above 2^53 do not occur in what is read here.
      return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
    },
    counted() {
      const length = uint32();
      if (length === absent) return null;
      const from = take(length);
      return Uint8Array.from(buffer.subarray(from, from + length));
    },
  };
}

/** No list that is asked for here is longer. */
function bounded(count: number): number {
  if (count > 4096) throw garbled();
  return count;
}

function garbled(): Fault {
  return new Fault('unavailable', 'The key holder p11-kit answered with something that is no answer.');
}

function uint32(value: number): Uint8Array {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}

function uint64(value: number): Uint8Array {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(BigInt(value));
  return octets;
}

function counted(octets: Uint8Array): Uint8Array {
  return concat([uint32(octets.length), octets]);
}
