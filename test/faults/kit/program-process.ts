import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { program } from '../../journeys/program.ts';

/** One process of our own program, in a network and a time that may be its own. */
export interface ProgramProcess extends AsyncDisposable {
  readonly pid: number;
  /** Where it listens, by the name of the listener. */
  readonly listening: Readonly<Record<string, string>>;
  /** What it has said so far on standard error. */
  said(): string;
  /** Ends it with SIGKILL, by its own id, and waits until it is gone. */
  kill(): Promise<void>;
  /** Asks it to end, and waits until it has. Returns its exit code. */
  stop(): Promise<number | null>;
}

/** How a process is started beside its own words. */
export interface Surroundings {
  /** Words before the program, such as those that enter a network namespace. */
  readonly within?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts the program and waits until it says where it listens. Rejects with its standard error when it ends before. */
export async function startProgram(
  words: readonly string[],
  { within = [], environment = {} }: Surroundings = {},
): Promise<ProgramProcess> {
  const [command, ...rest] = [...within, process.execPath, program, ...words, '--json'];
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const gone = once(child, 'exit');
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([first]) => String(first)),
    gone.then(([code]) => Promise.reject(new Error(`ended with ${code}: ${stderr}`))),
  ]);
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    if (isAlive(child)) child.kill(signal);
    await gone;
    return child.exitCode;
  };
  const { listening } = JSON.parse(line) as Pick<ProgramProcess, 'listening'>;
  return {
    pid: child.pid ?? 0,
    listening,
    said: () => stderr,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  };
}

function isAlive({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
