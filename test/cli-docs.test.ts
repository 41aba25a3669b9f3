import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandPages } from '../src/app/cli/command-pages.ts';
import { allCommands, commandsFor } from '../src/app/cli/commands.ts';
import { parseCommandLine } from '../src/app/cli/parse-command-line.ts';
import { splitWords } from './cli/read-script.ts';

const commands = await allCommands();

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

test('U9 a command line finds its command among those of its first word as it does among all', async () => {
  const paths = (rows: typeof commands): readonly string[] => rows.map(({ path }) => path.join(' '));
  for (const { path } of commands) {
    const few = await commandsFor(['--json', ...path]);
    const [first] = path;
    assert.deepEqual(
      paths(few.filter((row) => row.path[0] === first)),
      paths(commands.filter((row) => row.path[0] === first)),
    );
    assert.ok(few.length < commands.length);
  }
  assert.deepEqual(paths(await commandsFor(['agnet', 'list'])), paths(commands));
  assert.deepEqual(paths(await commandsFor(['--help'])), paths(commands));
});
