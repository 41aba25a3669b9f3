import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { begin, end, measuredCosts, scalingTables } from '../bench/scale/model.ts';
import { problemOf } from './shown-by.ts';

const page = (name: string): string => readFileSync(join(import.meta.dirname, '../docs', name), 'utf8');

const promises = [
  'No forwarded call without a durable record',
  'Nothing authorised while a dependency lies',
  'No serial reused',
  'No one-time thing used twice across replicas',
  'Revocation within a second when connected, refusal after the staleness limit when not',
  'Certificate, authority, policy and program replaced under load without a failed call',
  'Memory bounded',
  'A partition between gateway and authority heals without an operator',
];

test('every promise has tests in docs/promises.md, and each of them exists and is run', () => {
  const [, ...sections] = page('promises.md').split(/^## /m);
  assert.deepEqual(
    sections.map((section) => section.split('\n')[0]),
    promises,
  );
  for (const section of sections) {
    const rows = section.split('\n').filter((line) => /^\| (?!-|fault|what|thing|process)/.test(line));
    const shown = rows.map((row) => row.split(' | ')[1] ?? '').filter((cell) => cell.startsWith('`'));
    assert.ok(shown.length > 0, section);
    const wrong = shown.flatMap((cell) => problemOf(cell) ?? []);
    assert.deepEqual(wrong, []);
  }
});

test('the tables of docs/scaling.md are those that the model reckons from what was measured', () => {
  const text = page('scaling.md');
  const shown = text.slice(text.indexOf(begin) + begin.length, text.indexOf(end)).trim();
  assert.equal(shown, scalingTables(measuredCosts()).join('\n'));
});
