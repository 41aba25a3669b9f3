import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, type Json } from './canonical-json.ts';
import { Fault } from './fault.ts';
import { parseJson } from './parse-json.ts';

const code = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'accepted';
};

test('AISVS 10.4.7 refuses an object that names a member twice, at any depth', () => {
  assert.equal(
    code(() => parseJson('{"a":1,"a":2}')),
    'json_duplicate_key',
  );
  assert.equal(
    code(() => parseJson('[{"x":{"b":1,"b":1}}]')),
    'json_duplicate_key',
  );
  assert.equal(
    code(() => parseJson('{"a":1,"\\u0061":2}')),
    'json_duplicate_key',
  );
});

test('CVE-2026-27896 refuses members that differ only in case', () => {
  assert.equal(
    code(() => parseJson('{"method":"tools/list","Method":"tools/call"}')),
    'json_duplicate_key',
  );
});

test('accepts the same name in different objects and as a value', () => {
  assert.deepEqual(parseJson('[{"a":"a"},{"a":["a","a"]}]'), [{ a: 'a' }, { a: ['a', 'a'] }]);
});

test('AISVS 10.4.3 refuses nesting beyond the limit without building it', () => {
  assert.equal(
    code(() => parseJson('['.repeat(100_000))),
    'json_too_deep',
  );
  assert.equal(
    code(() => parseJson('{"a":'.repeat(65))),
    'json_too_deep',
  );
  assert.equal(
    code(() => parseJson(`${'['.repeat(64)}${']'.repeat(64)}`)),
    'accepted',
  );
});

test('refuses more values than the limit', () => {
  const limits = { depth: 4, values: 4 };
  assert.equal(
    code(() => parseJson('[1,2,3]', limits)),
    'accepted',
  );
  assert.equal(
    code(() => parseJson('[1,2,3,4]', limits)),
    'json_too_many_values',
  );
});

test('refuses text that is not UTF-8, not JSON, or more than one value', () => {
  for (const bad of ['', '{', '"a', '{"a"}', '1 2', '{a:1}', '[1,]', 'nul', '\ufeff{}']) {
    assert.equal(
      code(() => parseJson(bad)),
      'malformed_json',
      JSON.stringify(bad),
    );
  }
  assert.equal(
    code(() => parseJson(new Uint8Array([0x22, 0xff, 0x22]))),
    'malformed_json',
  );
});

test('reads whatever JSON.parse reads, when names are unique without case', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value);
      const outcome = code(() => parseJson(text));
      if (outcome === 'accepted') assert.deepEqual(parseJson(text), JSON.parse(text));
      else assert.equal(outcome, 'json_duplicate_key');
    }),
  );
});

test('AISVS 10.4.7 a text is judged the same with white space in it, which no client needs to send', () => {
  const name = fc.constantFrom('a', 'A', 'b', '\\u0061', 'ä', 'Ä', '__proto__', '1');
  const { text } = fc.letrec<{ text: string; object: string }>((tie) => ({
    text: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('1', '-0', '1e2', '"a"', 'null', 'tru', '9007199254740993', '"\\ud800"'),
      tie('object'),
      fc.array(tie('text'), { maxLength: 3 }).map((elements) => `[${elements.join(',')}]`),
    ),
    object: fc
      .array(fc.tuple(name, tie('text')), { maxLength: 4 })
      .map((pairs) => `{${pairs.map(([key, value]) => `"${key}":${value}`).join(',')}}`),
  }));
  const limits = { depth: 3, values: 100_000 };
  fc.assert(
    fc.property(text, (json) => {
      const outcome = code(() => parseJson(json, limits));
      assert.equal(
        code(() => parseJson(` ${json}`, limits)),
        outcome,
      );
      if (outcome === 'accepted') assert.deepEqual(parseJson(json, limits), JSON.parse(json));
    }),
    { numRuns: 2_000 },
  );
});

test('throws nothing but a Fault, whatever the octets', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      code(() => parseJson(bytes));
    }),
  );
});

test('RFC 8785 the canonical form does not depend on the order of members and reads back equal', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (object) => {
      const value = JSON.parse(JSON.stringify(object)) as { [name: string]: Json };
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      assert.equal(canonicalJson(reversed), canonicalJson(value));
      assert.deepEqual(JSON.parse(canonicalJson(value)), value);
    }),
  );
});
