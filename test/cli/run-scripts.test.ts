import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { matches } from './match-output.ts';
import { type ScriptStep, readScript, splitWords } from './read-script.ts';

const main = join(import.meta.dirname, '../../src/app/main.ts');
/** Compiled code, kept from one command to the next: most of them end sooner than they start. */
const compiled = mkdtempSync(join(tmpdir(), 'countersign-compiled-'));
after(() => rmSync(compiled, { recursive: true, force: true }));

for (const path of globSync('*.txt', { cwd: import.meta.dirname }).sort()) {
  test(`U9 the command line behaves as ${path} says`, { timeout: 280_000 }, async () => {
    const script = readScript(await readFile(join(import.meta.dirname, path), 'utf8'));
    assert.ok(script.steps.length > 0, 'the script has no step');
    const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
    try {
      for (const [name, content] of Object.entries(script.files)) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), content, { mode: 0o600 });
      }
      for (const step of script.steps) await check(step, folder, basename(path));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

async function check(step: ScriptStep, folder: string, script: string): Promise<void> {
  const output = (await run(step, folder)).replaceAll(folder, '$WORK');
  assert.ok(
    matches(step.expected, output),
    `${script}:${step.line}: $ ${step.command}\n--- expected\n${step.expected}\n--- got\n${output}`,
  );
}

/** What the command printed on both streams, and its exit code when that is not 0. */
async function run(step: ScriptStep, folder: string): Promise<string> {
  const words = splitWords(step.command);
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    NODE_COMPILE_CACHE: compiled,
  };
  while (/^[A-Z_]+=/.test(words[0] ?? '')) {
    const [, name = '', value = ''] = /^([A-Z_]+)=(.*)$/s.exec(words.shift() ?? '') ?? [];
    env[name] = value;
  }
  const program = words.shift();
  assert.ok(program === 'countersign' || program === 'edit', `line ${step.line}: unknown program ${program}`);
  if (program === 'edit') return edit(words, folder);
  const child = spawn(process.execPath, [main, ...words], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  const ending = code === 0 ? '' : `[exit ${code ?? signal}]\n`;
  return `${output}${ending}`.trimEnd();
}

/** `edit <file> <old> <new>` replaces text that must be there. */
async function edit(words: readonly string[], folder: string): Promise<string> {
  const [name = '', before = '', after = ''] = words;
  const [file] = globSync(name, { cwd: folder });
  assert.ok(file, `edit: no file matches ${name}`);
  const text = await readFile(join(folder, file), 'utf8');
  assert.ok(before !== '' && text.includes(before), `edit: ${file} does not contain ${before}`);
  await writeFile(join(folder, file), text.replace(before, after));
  return '';
}
