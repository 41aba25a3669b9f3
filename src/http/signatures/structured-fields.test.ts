import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as reference from 'structured-headers';
import { Fault } from '../../kernel/fault.ts';
import {
  type BareItem,
  type Dictionary,
  type InnerList,
  type Item,
  parseDictionary,
  writeDictionary,
} from './structured-fields.ts';

const refused = (error: unknown): boolean => error instanceof Fault && error.code === 'invalid_input';

test('O9 RFC 9651 §4.2.2: a dictionary is read with its labels, lists and parameters in order', () => {
  const text =
    'sig1=("@method" "content-digest");created=1618884473;alg="ecdsa";x, sig=:AAEC:;a=?0, b, t=a/b';
  const read = parseDictionary(text);
  assert.deepEqual([...read.keys()], ['sig1', 'sig', 'b', 't']);
  assert.equal(writeDictionary(read), text);
  assert.equal(writeDictionary(parseDictionary('  a=007 ,\tb;  x')), 'a=7, b;x');
});

/** One text that two readers could take for two things, or that is no dictionary at all. */
const wrong = {
  'a label that comes twice (RFC 9421 §7.2.5)': 'a=1, a=2',
  'a parameter that comes twice': 'a=1;x=1;x=2',
  'a comma at the end': 'a=1,',
  'a comma alone': ',',
  'no comma between members': 'a=1 b=2',
  'an upper-case key': 'A=1',
  'a key without a value behind =': 'a=',
  'a list without an end': 'a=("x"',
  'a list whose items touch': 'a=("x""y")',
  'a list in a list': 'a=(("x"))',
  'a tab in a list': 'a=("x"\t"y")',
  'a string without an end': 'a="x',
  'a string with another escape': 'a="\\n"',
  'a string with octets that are not ASCII': 'a="é"',
  'a string with a line break': 'a="x\ny"',
  'octets without an end': 'a=:AA==',
  'octets without padding': 'a=:AAE:',
  'octets that are not the canonical form': 'a=:AAF=:',
  'octets of another alphabet': 'a=:_-8=:',
  'a number of 16 digits': 'a=1234567890123456',
  'a decimal': 'a=1.0',
  'a date': 'a=@1659578233',
  'a display string': 'a=%"x"',
  'a boolean that is none': 'a=?2',
  'a space before the parameters': 'a=1 ;x',
  'a line break between members': 'a=1,\nb=2',
};

for (const [what, text] of Object.entries(wrong)) {
  test(`O9 RFC 9651 §4.2: ${what} is refused`, () => {
    assert.throws(() => parseDictionary(text), refused);
  });
}

test('O9 a field that is long or has many members is refused before it costs anything', () => {
  assert.throws(() => parseDictionary(`a="${'x'.repeat(9_000)}"`), refused);
  assert.throws(() => parseDictionary(Array.from({ length: 65 }, (_, at) => `k${at}=1`).join(',')), refused);
});

const keys = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,8}$/);
const bare: fc.Arbitrary<BareItem> = fc.oneof(
  fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }),
  fc.stringMatching(/^[\x20-\x7e]{0,12}$/),
  fc.boolean(),
  fc.uint8Array({ maxLength: 12 }),
  fc.stringMatching(/^[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]{0,8}$/).map((token) => ({ token })),
);
const parameters = fc.array(fc.tuple(keys, bare), { maxLength: 3 }).map((pairs) => new Map(pairs));
const items: fc.Arbitrary<Item> = fc.record({ value: bare, parameters });
const lists: fc.Arbitrary<InnerList> = fc.record({ items: fc.array(items, { maxLength: 4 }), parameters });
const dictionaries: fc.Arbitrary<Dictionary> = fc
  .array(fc.tuple(keys, fc.oneof(items, lists)), { maxLength: 4 })
  .map((pairs) => new Map(pairs));

test('O9 what is written is read as the same, and written again as the same text', () => {
  fc.assert(
    fc.property(dictionaries, (dictionary) => {
      const text = writeDictionary(dictionary);
      const read = parseDictionary(text);
      assert.deepEqual(plain(read), plain(dictionary));
      assert.equal(writeDictionary(read), text);
    }),
  );
});

test('O9 whatever we read, another reader (structured-headers) reads as the same and writes as the same text', () => {
  let taken = 0;
  const pieces = fc.oneof(
    fc.constantFrom('"x"', ':AAE=:', '?1', '=', '='),
    fc.constantFrom(...Array.from('ab=, \t;():"10-.*\\@%/A_')),
  );
  const texts = fc.oneof(
    dictionaries.map(writeDictionary),
    fc.array(pieces, { maxLength: 12 }).map((all) => all.join('')),
    fc
      .tuple(dictionaries.map(writeDictionary), fc.nat(), pieces)
      .map(
        ([text, at, piece]) =>
          text.slice(0, at % (text.length + 1)) + piece + text.slice(at % (text.length + 1)),
      ),
  );
  fc.assert(
    fc.property(texts, (text) => {
      let read: Dictionary;
      try {
        read = parseDictionary(text);
      } catch (error) {
        assert.ok(refused(error));
        return;
      }
      taken += 1;
      const theirs = reference.parseDictionary(text);
      assert.equal(reference.serializeDictionary(theirs), writeDictionary(read));
    }),
    { numRuns: 2_000 },
  );
  assert.ok(taken > 500);
});

/** For comparison: maps as arrays, octets as numbers, and one zero. */
function plain(dictionary: Dictionary): unknown {
  return JSON.parse(
    JSON.stringify([...dictionary], (_key, value: unknown) => {
      if (value instanceof Map) return [...value];
      if (value instanceof Uint8Array) return { octets: [...value] };
      return value === 0 ? 0 : value;
    }),
  );
}
