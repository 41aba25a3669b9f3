import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { auditEvents } from './events.ts';

test('S4 docs/audit.md lists exactly the events of the code, with the same meaning', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/audit.md'), 'utf8');
  const [, section = ''] = /^## Events$(.*?)^## /ms.exec(page) ?? [];
  const listed: Record<string, string> = {};
  for (const [, type, meaning] of section.matchAll(/^\| `([a-z-]+\.[a-z-]+)` \| ([^|]+) \|/gm)) {
    if (type && meaning) listed[type] = meaning;
  }
  assert.deepEqual(listed, { ...auditEvents });
});

test('S4 every event of the catalogue is written by some code (trap: what is advertised and never happens)', () => {
  const source = join(import.meta.dirname, '..');
  const code = globSync('**/*.ts', { cwd: source })
    .filter((path) => !path.endsWith('.test.ts') && !path.endsWith('events.ts'))
    .map((path) => readFileSync(join(source, path), 'utf8'))
    .join('\n');
  const silent = Object.keys(auditEvents).filter((type) => !code.includes(`'${type}'`));
  assert.deepEqual(silent, []);
});

test('S4 docs/ocsf.md has a row for every event, with a class and an activity that OCSF has', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/ocsf.md'), 'utf8');
  const rows = [
    ...page.matchAll(
      /^\| `([a-z-]+\.[a-z-]+)` \| (\d{4}) [A-Za-z ]+ \| (\d{1,2}) [A-Za-z ]+ \| (\d{6}) \| (?:Success|Failure|Other)/gm,
    ),
  ];
  assert.deepEqual(
    rows.map(([, type]) => type),
    Object.keys(auditEvents),
  );
  for (const [, type, classId, activity, id] of rows) {
    assert.equal(Number(classId) * 100 + Number(activity), Number(id), String(type));
  }
});
