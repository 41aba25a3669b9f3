import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { confusables } from './confusables.ts';
import { deceptionIn, skeletonOf } from './look-alike.ts';

test('T5 names that are drawn alike, or become one name in a client, have one skeleton', () => {
  for (const [one, other] of [
    ['read_file', 'reаd_file'],
    ['read_file', 'read-file'],
    ['read.file', 'read_file'],
    ['readFile', 'readfile'],
    ['files', 'fi1es'],
    ['files', 'fiIes'],
    ['modern', 'rnodern'],
    ['copy', 'сору'],
    ['view', 'ｖｉｅｗ'],
    ['resume', 'résumé'],
    ['list0', 'listO'],
  ] as const) {
    assert.equal(skeletonOf(one), skeletonOf(other), `${one} ${other}`);
  }
});

test('T5 names that nobody confuses have two', () => {
  for (const [one, other] of [
    ['read_file', 'write_file'],
    ['read_file', 'read_files'],
    ['a_b', 'ab'],
    ['list', 'last'],
    ['v1', 'v2'],
  ] as const) {
    assert.notEqual(skeletonOf(one), skeletonOf(other), `${one} ${other}`);
  }
});

test('T5 a name that deceives by itself is told: hidden characters, letters that pass for others, mixed scripts', () => {
  for (const name of [
    '',
    ' read',
    'read\u200bfile',
    'read\u202efile',
    'read\u00adfile',
    'read\u{e0041}file',
    'read\ufe0ffile',
    'reаd_file',
    'сору',
    'ｖｉｅｗ',
    'чтение_file',
  ]) {
    assert.notEqual(deceptionIn(name), null, JSON.stringify(name));
  }
  for (const name of ['read_file', 'größe_ändern', 'résumé', 'чтение', '読む', 'tool with spaces', 'a/b:c']) {
    assert.equal(deceptionIn(name), null, name);
  }
});

test('T5 the skeleton of a skeleton is itself, whatever the name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (name) => {
      const skeleton = skeletonOf(name);
      assert.equal(skeletonOf(skeleton), skeleton);
    }),
    { numRuns: 2_000 },
  );
});

test('A5 UTS #39: every character that Unicode takes for a letter or digit of ASCII is found out in a name', () => {
  const taken = confusables.flatMap(([plain, others]) => others.map((other) => [plain, other] as const));
  assert.ok(taken.length > 400, `${taken.length}`);
  for (const [plain, other] of taken) {
    const name = `list${other}files`;
    assert.equal(skeletonOf(name), skeletonOf(`list${plain}files`), name);
    assert.notEqual(deceptionIn(name), null, name);
  }
});
