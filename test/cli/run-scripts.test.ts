import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { commandsFor } from '../../src/app/cli/commands.ts';
import { runCli } from '../../src/app/cli/run-cli.ts';
import { readKeyFile, writeKeyFile } from '../../src/ca/key-file.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createRedactor } from '../../src/secrets/redact.ts';
import { program as main } from '../journeys/program.ts';
import { matches } from './match-output.ts';
import { type ScriptStep, readScript, splitWords } from './read-script.ts';

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
      for (const [at, step] of script.steps.entries())
        await check(step, { folder, script: basename(path), first: at === 0 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

interface Where {
  readonly folder: string;
  readonly script: string;
  /** The first command of a script is a process of its own. */
  readonly first: boolean;
}

async function check(step: ScriptStep, { folder, script, first }: Where): Promise<void> {
  const output = (await run(step, folder, first)).replaceAll(folder, '$WORK');
  assert.ok(
    matches(step.expected, output),
    `${script}:${step.line}: $ ${step.command}\n--- expected\n${step.expected}\n--- got\n${output}`,
  );
}

/** What the command printed on both streams, and its exit code when that is not 0. */
async function run(step: ScriptStep, folder: string, first: boolean): Promise<string> {
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
  const { output, ending } = first ? await runAlone(words, folder, env) : await runHere(words, folder, env);
  if (words[0] === 'init' && ending === 0) await sealCheaply(folder, words);
  return `${output}${ending === 0 ? '' : `[exit ${ending}]\n`}`.trimEnd();
}

interface Ended {
  readonly output: string;
  readonly ending: number | string | null;
}

/** As a person starts it. */
async function runAlone(words: readonly string[], cwd: string, env: Record<string, string>): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...words], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { output, ending: code ?? signal };
}

/** The same program in this process: starting one for every command is most of what it takes. */
async function runHere(words: readonly string[], cwd: string, env: Record<string, string>): Promise<Ended> {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  stdin.end();
  let output = '';
  stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ended = new AbortController().signal;
  const before = process.cwd();
  process.chdir(cwd);
  try {
    const streams = { stdin, stdout, stderr: stdout };
    const context = { ...streams, env, isTty: false, clock: systemClock, redactor: createRedactor(), ended };
    return { ending: await runCli(words, context, await commandsFor(words)), output };
  } finally {
    process.chdir(before);
  }
}

/** Opening a key costs half a second on purpose, and every command opens two. */
async function sealCheaply(folder: string, words: readonly string[]): Promise<void> {
  const after = (flag: string): string => words[words.indexOf(flag) + 1] ?? '';
  const passphrase = (await readFile(join(folder, after('--passphrase-file')), 'utf8')).trimEnd();
  const data = dataFolder(join(folder, after('--folder')));
  for (const file of [data.intermediateKey, data.auditKey])
    await writeKeyFile(file, await readKeyFile(file, passphrase), passphrase, 2);
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
