#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chooseRuntime, oldestRuntime } from './choose-runtime.ts';
import { roomierOptions } from './roomy-heap.ts';

/**
 * The command `countersign`, under whatever Node.js is there: one that is old enough to lack what the program needs hands
 * over to the one that came with the packages, or is told so in words. Nothing that is new may be imported here.
 */
const runtime = chooseRuntime(process.versions.node, bundledRuntime);
if (runtime === 'this') {
  makeRoom();
  await import('./main.ts');
} else if (runtime === null) {
  process.stderr.write(
    `error: Countersign needs Node.js ${oldestRuntime} or newer, and this is ${process.versions.node}. ` +
      'Install a newer one from https://nodejs.org and start again. [unavailable]\n',
  );
  process.exitCode = 5;
} else {
  handOver(runtime);
}

/** Becomes the same program with options that only a start can set; where the system cannot do that, goes on without. */
function makeRoom(): void {
  const { execArgv, argv, env, execPath } = process;
  const options = roomierOptions({
    words: argv.slice(2),
    options: execArgv,
    environmentOptions: env['NODE_OPTIONS'],
  });
  if (options === null || typeof process.execve !== 'function' || process.platform === 'win32') return;
  process.execve(execPath, [execPath, ...options, ...argv.slice(1)], env);
}

/** The Node.js of the package `node`, which is a development dependency of ours. */
function bundledRuntime(): string | null {
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json');
    return join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  } catch {
    return null;
  }
}

function handOver(program: string): void {
  const main = join(dirname(fileURLToPath(import.meta.url)), 'main.js');
  const child = spawn(program, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both of us; sent on, it would be the second, which ends without order.
  process.on('SIGINT', () => void (process.stdin.isTTY || child.kill('SIGINT')));
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void child.kill(signal));
  child.once('error', (error) => {
    process.stderr.write(`error: ${program} cannot be started: ${error.message} [unavailable]\n`);
    process.exitCode = 5;
  });
  child.once('exit', (code, signal) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeAllListeners(name);
    if (signal === null) process.exitCode = code ?? 1;
    else process.kill(process.pid, signal);
  });
}
