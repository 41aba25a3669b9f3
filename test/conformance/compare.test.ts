import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, type Comparison, isRed } from './compare.ts';
import type { Check, Results } from './suite.ts';

function results(scenarios: Record<string, Record<string, Check['status'] | Check['status'][]>>): Results {
  return new Map(
    Object.entries(scenarios).map(([scenario, checks]) => [
      scenario,
      Object.entries(checks).flatMap(([name, statuses]) =>
        [statuses].flat().map((status) => ({ name, status, message: '' })),
      ),
    ]),
  );
}

function compared(before: Parameters<typeof results>[0], after: typeof before): Comparison {
  return compare('x', { direct: results(before), through: results(after), required: ['a'] });
}

test('T3 the same checks with the same outcome are no difference, and what is only told does not count', () => {
  const comparison = compared(
    { a: { one: 'SUCCESS', told: ['INFO', 'INFO'] }, b: { two: 'FAILURE' } },
    { a: { one: 'SUCCESS', told: 'INFO' }, b: { two: 'FAILURE' } },
  );
  assert.equal(isRed(comparison), false);
  assert.deepEqual(comparison.rows[0]?.direct, { passed: 1, counted: 1 });
});

test('T3 another outcome, a check or scenario that is missing or new, and one of several that failed are red', () => {
  const table: readonly Parameters<typeof compared>[] = [
    [{ a: { one: 'SUCCESS' } }, { a: { one: 'WARNING' } }],
    [{ a: { one: 'SUCCESS' } }, { a: { one: 'SKIPPED' } }],
    [{ a: { one: 'SUCCESS', two: 'SUCCESS' } }, { a: { one: 'SUCCESS' } }],
    [{ a: { one: 'SUCCESS' } }, { a: { one: 'SUCCESS', two: 'FAILURE' } }],
    [{ a: { one: ['SUCCESS', 'SUCCESS'] } }, { a: { one: ['SUCCESS', 'FAILURE'] } }],
    [{ a: { one: 'SUCCESS' }, b: { two: 'SUCCESS' } }, { a: { one: 'SUCCESS' } }],
  ];
  for (const [before, after] of table) assert.equal(isRed(compared(before, after)), true);
});

test('T3 a check that Countersign passes by its own answer may fail directly, and must not fail through it', () => {
  const own = (before: Check['status'], after: Check['status']): boolean => {
    const [direct, through] = [results({ b: { one: before } }), results({ b: { one: after } })];
    return isRed(compare('x', { direct, through, required: [], ours: ['one'] }));
  };
  assert.equal(own('FAILURE', 'SUCCESS'), false);
  assert.equal(own('SUCCESS', 'FAILURE'), true);
});

test('T3 a required scenario that fails on both sides, or on both did not run, is red as well', () => {
  assert.equal(isRed(compared({ a: { one: 'FAILURE' } }, { a: { one: 'FAILURE' } })), true);
  assert.equal(isRed(compared({ b: { one: 'SUCCESS' } }, { b: { one: 'SUCCESS' } })), true);
});
