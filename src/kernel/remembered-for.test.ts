import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rememberedFor } from './remembered-for.ts';

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
