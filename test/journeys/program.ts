import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { commandsFor } from '../../src/app/cli/commands.ts';
import { runCli } from '../../src/app/cli/run-cli.ts';
import { builtProgramVariable } from './fresh-authority.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { createRedactor } from '../../src/secrets/redact.ts';

/**
 * The program as a person would start it: put together as it ships, where a whole run of tests has done that, since most
 * commands end sooner than 700 files are read; otherwise its sources.
 */
export const program =
  process.env[builtProgramVariable] ?? join(import.meta.dirname, '../../src/app/main.ts');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end. */
export function run(words: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject).once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Runs a command line in this process: the same program without the time that a process takes to start. */
export async function runHere(words: readonly string[], clock: Clock = systemClock): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runCli(
    words,
    {
      stdin: new PassThrough(),
      stdout,
      stderr,
      env: {},
      redactor: createRedactor(),
      isTty: false,
      clock,
      get ended() {
        return new AbortController().signal;
      },
    },
    await commandsFor(words),
  );
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

function text(stream: PassThrough): string {
  const parts: Buffer[] = [];
  for (let part = readPart(stream); part !== null; part = readPart(stream)) parts.push(part);
  return Buffer.concat(parts).toString();
}

function readPart(stream: PassThrough): Buffer | null {
  return stream.read() as Buffer | null;
}

/** A process that stays up; its first line of output is JSON. */
export interface Running extends AsyncDisposable {
  readonly first: { readonly listening: Readonly<Record<string, string>> };
  readonly child: ChildProcess;
}

/** Nothing stands in front of a program in a test, unless it says so. */
const endsSoon = {
  COUNTERSIGN_GATEWAY_DRAIN_ACCEPT_MILLISECONDS: '0',
  COUNTERSIGN_GATEWAY_DRAIN_GRACE_MILLISECONDS: '0',
};

/** Starts the program with `--json` and waits for its first line. Rejects with its standard error when it ends. */
export async function start(
  words: readonly string[],
  environment: Record<string, string> = {},
): Promise<Running> {
  const child = spawn(process.execPath, [program, ...words, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...endsSoon, ...environment },
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const line = await new Promise<string>((resolve, reject) => {
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const end = stdout.indexOf('\n');
      if (end >= 0) resolve(stdout.slice(0, end));
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${stderr}${stdout}`)));
  });
  return {
    first: JSON.parse(line) as Running['first'],
    child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await gone;
    },
  };
}
