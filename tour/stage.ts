import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** The command line as a person would type it: the program that ships, in a process of its own. */
const program = join(import.meta.dirname, '../src/app/launch.ts');

/** What a command printed. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one `countersign` command to its end. */
export function countersign(words: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject).once('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}

/** Runs a command that must succeed and gives its `--json` output. */
export async function ask<Answer>(words: readonly string[]): Promise<Answer> {
  // Words after `--` belong to the server's command line.
  const end = words.indexOf('--');
  const at = end < 0 ? words.length : end;
  const ran = await countersign([...words.slice(0, at), '--json', ...words.slice(at)]);
  if (ran.code !== 0)
    throw new Error(`countersign ${words.join(' ')}: ${ran.stderr.trim() || ran.stdout.trim()}`);
  return JSON.parse(ran.stdout) as Answer;
}

/** Where the listeners of `countersign up` answer. */
export interface Listening {
  readonly agents: string;
  readonly authority: string;
  readonly people: string;
  readonly plain: string;
  readonly ops: string;
}

/** Starts `countersign up` and waits for its first line, which says where it listens. */
export function up(
  words: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly listening: Listening }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, 'up', '--json', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const end = stdout.indexOf('\n');
      if (end < 0) return;
      const { listening } = JSON.parse(stdout.slice(0, end)) as { listening: Listening };
      resolve({ child, listening });
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`countersign up ended (${code}): ${stderr.trim()}`)));
  });
}

/** Ends a process this one started and waits until it is gone. */
export function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

/** How to start the program as a child of an MCP client. */
export const bridgeCommand = { command: process.execPath, args: [program, 'bridge'] } as const;
