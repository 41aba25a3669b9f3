import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

for (const { page, least } of [
  { page: 'claims.md', least: 15 },
  { page: 'traps.md', least: 20 },
]) {
  test(`every row of docs/${page} names a test or a command that exists`, () => {
    const text = readFileSync(join(root, 'docs', page), 'utf8');
    const rows = [...text.matchAll(/^\| (?!claim|trap \||-)(.+?) \| (.+?) \|$/gm)];
    assert.ok(rows.length >= least, 'the table was not found');
    const missing = rows.flatMap(([, claim = '', shown = '']) =>
      isShown(shown) ? [] : [`${claim}: ${shown}`],
    );
    assert.deepEqual(missing, []);
  });
}

function isShown(text: string): boolean {
  const command = /^`npm (?:run )?([a-z:]+)/.exec(text)?.[1];
  if (command !== undefined) return command in manifest.scripts;
  const [, file = '', title = ''] = /^`([^`]+)`: (.+)$/.exec(text) ?? [];
  const path = join(root, file);
  return title !== '' && existsSync(path) && readFileSync(path, 'utf8').includes(`test('${title}'`);
}
