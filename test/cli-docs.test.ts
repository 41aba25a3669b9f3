import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandPages } from '../src/app/cli/command-pages.ts';
import { commands } from '../src/app/cli/commands.ts';
import { parseCommandLine } from '../src/app/cli/parse-command-line.ts';
import { splitWords } from './cli/read-script.ts';

test('docs/cli.md lists every exit code, command and flag as the program knows them', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/cli.md'), 'utf8');
  assert.ok(page.endsWith(`\n${commandPages(commands)}\n`), 'run: node scripts/write-cli-page.ts');
});

test('U9 every command has an example that the program accepts as that command', () => {
  for (const command of commands) {
    const [program, ...words] = splitWords(command.example.split(' > ')[0] ?? '');
    assert.equal(program, 'countersign');
    const line = parseCommandLine(words, commands);
    assert.equal(line.kind === 'run' && line.command, command, command.example);
  }
});

test('no two commands share a path, no two flags of a command a name, and only the last word may repeat', () => {
  const paths = commands.map(({ path }) => path.join(' '));
  assert.deepEqual([...new Set(paths)], paths);
  for (const { path, flags, positionals } of commands) {
    const names = flags.map(({ name }) => name);
    assert.deepEqual([...new Set(names)], names, path.join(' '));
    const early = positionals.slice(0, -1).filter(({ count }) => count !== 'one');
    assert.deepEqual(early, [], path.join(' '));
    assert.ok(!names.includes('json') && !names.includes('help'), path.join(' '));
  }
});
