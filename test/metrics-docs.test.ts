import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { metricsTable } from '../src/telemetry/metrics-table.ts';

test('U7 docs/metrics.md lists exactly the measurements of the code', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/metrics.md'), 'utf8');
  const table = page.slice(page.indexOf('| name | type |'));
  assert.equal(table, metricsTable());
});
