import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A process of the benchmark that says one line when it is ready. */
export interface Started {
  readonly child: ChildProcess;
  readonly line: string;
}

/** Starts one of the benchmark's own programs. */
export function startOwn(file: string, words: readonly string[]): Promise<Started> {
  return start(process.execPath, [join(import.meta.dirname, file), ...words]);
}

function start(command: string, words: readonly string[]): Promise<Started> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${words[0]} ended with ${code}`)));
    createInterface(child.stdout).once('line', (line) => resolve({ child, line }));
  });
}

/** A port of loopback that was free just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
