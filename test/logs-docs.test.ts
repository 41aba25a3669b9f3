import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { logEvents } from '../src/app/telemetry/log-events.ts';

const root = join(import.meta.dirname, '..');

test('U7 docs/logs.md lists exactly the events of the code, with level and meaning', () => {
  const page = readFileSync(join(root, 'docs/logs.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `([\w.-]+)` \| (error|warning|notice|info) \| (.+) \|$/gm)].map(
    ([, name, level, meaning]) => [name, level, meaning],
  );
  assert.deepEqual(
    listed,
    Object.entries(logEvents).map(([name, { level, meaning }]) => [name, level, meaning]),
  );
});

test('U7 every event of the log is told somewhere in the words that it is known by', () => {
  const sources = globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !file.includes('.test.') && !file.endsWith('log-events.ts'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  const untold = Object.values(logEvents).filter(({ says }) => !sources.includes(says));
  assert.deepEqual(untold, []);
});
