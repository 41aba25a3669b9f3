import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs/ARCHITECTURE.md'), 'utf8');
const allowed = readRoomTable(page);
const sources = globSync('src/**/*.ts', { cwd: root });

test('imports go only where the room table of docs/ARCHITECTURE.md lets them', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    const room = roomOf(file);
    const rooms = allowed.get(room);
    if (!rooms) {
      wrong.push(`${file}: room ${room} is not in the table`);
      continue;
    }
    for (const target of importsOf(file)) {
      if (!target.startsWith('.')) continue;
      const path = normalize(join(dirname(file), target));
      if (path === 'package.json') continue;
      const other = roomOf(path);
      if (other !== room && !rooms.includes(other)) wrong.push(`${file} imports ${other}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('the room table has no cycle', () => {
  const done = new Set<string>();
  const visit = (room: string, path: readonly string[]): void => {
    assert.ok(!path.includes(room), `cycle: ${[...path, room].join(' → ')}`);
    if (done.has(room)) return;
    for (const next of allowed.get(room) ?? []) visit(next, [...path, room]);
    done.add(room);
  };
  for (const room of allowed.keys()) visit(room, []);
});

test('only kernel/clock.ts reads the time and only kernel/random.ts draws randomness', () => {
  const reads = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/;
  const draws =
    /\bMath\.random\(|\brandomUUID\(|import \{[^}]*\brandom(Bytes|Int|FillSync)\b[^}]*\} from 'node:crypto'/;
  const wrong = sources
    .filter((file) => !file.endsWith('.test.ts'))
    .filter((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return (
        (reads.test(text) && file !== 'src/kernel/clock.ts') ||
        (draws.test(text) && file !== 'src/kernel/random.ts')
      );
    });
  assert.deepEqual(wrong, []);
});

test('only app/store touches a database, and nothing runs a shell', () => {
  const wrong = sources.filter((file) => {
    if (file.endsWith('.test.ts')) return false;
    const text = readFileSync(join(root, file), 'utf8');
    const database = /from 'node:sqlite'/.test(text) && !file.startsWith('src/app/store/');
    const shell =
      /shell: true|import \{[^}]*\bexec(Sync)?\b[^}]*\} from 'node:child_process'|from 'child_process'/.test(
        text,
      );
    return database || shell;
  });
  assert.deepEqual(wrong, []);
});

test('every path that a document names exists', () => {
  const documents = [...globSync('*.md', { cwd: root }), ...globSync('docs/**/*.md', { cwd: root })];
  const missing: string[] = [];
  for (const document of documents) {
    const text = readFileSync(join(root, document), 'utf8');
    for (const [, path] of text.matchAll(
      /`((?:src|test|docs|bench|tour|scripts|examples|\.ci)\/[\w./-]*[\w])`/g,
    )) {
      if (path && globSync(path, { cwd: root }).length === 0) missing.push(`${document}: ${path}`);
    }
  }
  assert.deepEqual(missing, []);
});

function readRoomTable(text: string): Map<string, string[]> {
  const rooms = new Map<string, string[]>();
  for (const [, room, imports] of text.matchAll(/^\| `(\w+)` \| ([\w, ]*)\|/gm)) {
    if (room && imports !== undefined) {
      rooms.set(
        room,
        imports
          .split(',')
          .map((name) => name.trim())
          .filter(Boolean),
      );
    }
  }
  assert.ok(rooms.size >= 10, 'the room table was not found');
  return rooms;
}

function roomOf(file: string): string {
  return relative('src', file).split('/')[0] ?? '';
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}
