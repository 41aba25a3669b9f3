import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, isJsonArray, isJsonObject, type Json } from './canonical-json.ts';

test('RFC 8785 §3.2.3 writes scalars as JSON.stringify does and names in UTF-16 order', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }), (given) => {
      const value = JSON.parse(JSON.stringify(given)) as Json;
      assert.equal(canonicalJson(value), written(value));
    }),
    { numRuns: 2_000 },
  );
});

test('RFC 8785 §3.2.3 orders names by UTF-16 units, not by code points', () => {
  assert.equal(
    canonicalJson({ '\ufb33': 1, '\u{1f600}': 2, '1': 3, '': 4 }),
    '{"":4,"1":3,"\u{1f600}":2,"\ufb33":1}',
  );
});

test('RFC 8785 §3.2.2.2 escapes quotation marks, backslashes and controls, and nothing else', () => {
  assert.equal(
    canonicalJson('"\\/\b\f\n\r\t\u0000\u001f\u007fé\u2028'),
    '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007fé\u2028"',
  );
});

test('RFC 8785 §3.2.2.2 refuses a lone surrogate, in a value and in a name', () => {
  assert.throws(() => canonicalJson('\ud800'), TypeError);
  assert.throws(() => canonicalJson({ 'a\udc00': 1 }), TypeError);
});

test('RFC 8785 §3.2.2.3 refuses numbers that JSON does not have and writes minus zero as zero', () => {
  for (const number of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => canonicalJson([number]), TypeError);
  }
  assert.equal(canonicalJson([-0, 1e21, 1e-7]), '[0,1e+21,1e-7]');
});

test('leaves out members that are undefined', () => {
  assert.equal(canonicalJson({ b: undefined, a: null, c: [] }), '{"a":null,"c":[]}');
});

test('RFC 8785 what is in order already and what is not are written the same', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), (given) => {
      const value = JSON.parse(JSON.stringify(given)) as Json;
      assert.equal(canonicalJson(JSON.parse(canonicalJson(value)) as Json), canonicalJson(value));
    }),
  );
});

test('RFC 8785 §3.2.2.2 a backslash before what looks like a surrogate is a backslash', () => {
  assert.equal(canonicalJson({ a: '\\ud800' }), '{"a":"\\\\ud800"}');
  assert.throws(() => canonicalJson({ a: ['\\ud800', '\ud800'] }), TypeError);
});

test('RFC 8785 §3.2.3 a name that looks like a member of an object is a name like any other', () => {
  const value = JSON.parse('{"__proto__":{"b":1,"a":2},"toJSON":1,"10":2,"9":3}') as Json;
  assert.equal(canonicalJson(value), '{"10":2,"9":3,"__proto__":{"a":2,"b":1},"toJSON":1}');
});

/** The canonical form as the RFC tells it, with the scalars left to JSON.stringify. */
function written(value: Json): string {
  if (isJsonArray(value)) return `[${value.map(written).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${written(value[name] ?? null)}`).join()}}`;
}
