import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../kernel/fault.ts';
import { type Writable, writeCbor } from './attestation.fixture.ts';
import { type CborValue, readCbor } from './read-cbor.ts';
import { processorTime } from '../../kernel/processor-time.fixture.ts';

const refused = (error: unknown): boolean => error instanceof Fault && error.code === 'attestation_refused';
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** A written value as it is read back. */
function plain(value: CborValue): Writable {
  if (value instanceof Map) {
    const members = [...(value as ReadonlyMap<string, CborValue>)];
    return Object.fromEntries(members.map(([key, member]) => [key, plain(member)]));
  }
  if (Array.isArray(value)) return (value as readonly CborValue[]).map(plain);
  return value instanceof Uint8Array ? Buffer.from(value) : (value as number | string);
}

const { value: writable } = fc.letrec<{ value: Writable }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer({ min: -(2 ** 40), max: 2 ** 50 }),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), tie('value'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
}));

test('I3 CBOR that is written is read back as it was', () => {
  fc.assert(
    fc.property(writable, (value) => {
      assert.deepEqual(plain(readCbor(writeCbor(value))), value);
    }),
  );
});

test('I3 refuses every other way to write CBOR, and what attestations do not have', () => {
  const bad: Readonly<Record<string, string>> = {
    nothing: '',
    'a number in two octets that fits in one': '1817',
    'a length in two octets that fits in one': '5801ff',
    'a number in three octets that fits in two': '1900ff',
    'a number in five octets that fits in three': '1a0000ffff',
    'a number in nine octets that fits in five': '1b00000000ffffffff',
    'a number beyond 2^53': '1bffffffffffffffff',
    'octets without a length': '5f4100ff',
    'a list without a length': '9f01ff',
    'a map without a length': 'bf616101ff',
    'a reserved length': '1c',
    'a tag': 'c000',
    'a half float': 'f90000',
    null: 'f6',
    true: 'f5',
    'a break': 'ff',
    'a key twice': 'a2616101616102',
    'a key that is a number': 'a10102',
    'a key that is octets': 'a1416101',
    'octets behind the end': '0000',
    'octets that are cut off': '4201',
    'a map that is cut off': 'a16161',
    'a text that is not UTF-8': '61ff',
    'five lists in one another': '818181818181',
    'a list of billions': '9affffffff',
    'a map of billions': 'baffffffff',
    'octets of billions': '5affffffff',
    'two hundred numbers': `98c8${'00'.repeat(200)}`,
  };
  for (const [what, text] of Object.entries(bad)) assert.throws(() => readCbor(hex(text)), refused, what);
  assert.throws(() => readCbor(new Uint8Array(40_000)), refused);
});

test('I3 whatever octets come in place of CBOR, they are read or refused, within 50 ms', () => {
  const start = processorTime();
  const runs = 2_000;
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged()), (octets) => {
      const before = processorTime();
      try {
        readCbor(octets);
      } catch (error) {
        assert.ok(refused(error), String(error));
      }
      assert.ok(processorTime() - before < 50);
    }),
    { numRuns: runs },
  );
  assert.ok(processorTime() - start < 50 * runs);
});

/** Written CBOR with one octet changed, or cut off. */
function damaged(): fc.Arbitrary<Uint8Array> {
  return fc.tuple(writable, fc.nat(), fc.nat(255), fc.boolean()).map(([value, at, octet, cut]) => {
    const octets = writeCbor(value);
    if (cut) return octets.subarray(0, at % (octets.length + 1));
    octets[at % octets.length] = octet;
    return octets;
  });
}
