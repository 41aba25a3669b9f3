import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rememberedFor, rememberedForFrozen } from './remembered-for.ts';

test('T6 what was worked out for an object is not worked out for it again, and another object has its own', () => {
  const asked: object[] = [];
  const nameOf = rememberedFor((key: { readonly name: string }) => {
    asked.push(key);
    return key.name;
  });
  const one = { name: '' };
  const other = { name: '' };
  assert.deepEqual([nameOf(one), nameOf(one), nameOf(other)], ['', '', '']);
  assert.deepEqual(asked, [one, other]);
});

test('T6 a failure is not kept', () => {
  let calls = 0;
  const fails = rememberedFor((key: { readonly name: string }): string => {
    calls += 1;
    throw new Error(`refused ${key.name}`);
  });
  const key = { name: 'one' };
  for (let at = 0; at < 2; at++) assert.throws(() => fails(key), /refused/);
  assert.equal(calls, 2);
});

test('what is said of an object that may change is worked out each time', () => {
  let asked = 0;
  const nameOf = rememberedForFrozen(({ name }: { name: string }) => `${name} ${++asked}`);
  const loose = { name: 'a' };
  assert.equal(nameOf(loose), 'a 1');
  loose.name = 'b';
  assert.equal(nameOf(loose), 'b 2');
  const frozen = Object.freeze({ name: 'c' });
  assert.equal(nameOf(frozen), 'c 3');
  assert.equal(nameOf(frozen), 'c 3');
});
