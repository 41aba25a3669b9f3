import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toDollars } from './to-dollars.ts';

test('placeholders of the common SQL become those of PostgreSQL, and what stands in quotes stays', () => {
  const rows = [
    ['SELECT 1', 'SELECT 1'],
    ['a = ? AND b = ?', 'a = $1 AND b = $2'],
    ['a = ?1 AND b = ?3 AND c = ?2', 'a = $1 AND b = $3 AND c = $2'],
    ['a = ?2 AND b = ?', 'a = $2 AND b = $3'],
    [`a = '?' AND "b?" = ? AND c = 'it''s ?'`, `a = '?' AND "b?" = $1 AND c = 'it''s ?'`],
  ];
  for (const [common, expected] of rows) assert.equal(toDollars(common ?? ''), expected);
});
