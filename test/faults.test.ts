import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultCodes } from '../src/kernel/fault-codes.ts';

test('docs/faults.md lists exactly the fault codes of the code, with the same meaning', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/faults.md'), 'utf8');
  const listed: Record<string, string> = {};
  for (const [, code, meaning] of page.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)) {
    if (code && meaning) listed[code] = meaning;
  }
  assert.deepEqual(listed, { ...faultCodes });
});
