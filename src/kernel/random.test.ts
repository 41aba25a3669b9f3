import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomId } from './random.ts';

test('an identifier is 22 characters, differs from all others, and is no flag of a command line', () => {
  const ids = Array.from({ length: 5_000 }, randomId);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
});
