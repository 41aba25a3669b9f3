import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './children.ts';
import type { Contestant } from './contestants.ts';
import { childrenOf } from './process-cost.ts';
import type { Rig } from './rig.ts';
import { stdioCommand } from './stdio-command.ts';

/** A program of npm that puts a server of standard input and output behind HTTP, in the version measured. */
interface Bridge {
  readonly program: string;
  readonly version: string;
  readonly words: (port: number) => readonly string[];
}

export const npmBridges: readonly Bridge[] = [
  {
    program: 'mcp-proxy',
    version: '6.7.19',
    words: (port) =>
      `--host 127.0.0.1 --port ${port} --server stream -- ${stdioCommand.join(' ')}`.split(' '),
  },
  {
    program: 'supergateway',
    version: '4.0.0',
    words: (port) => [
      ...`--outputTransport streamableHttp --stateful --port ${port} --logLevel none --stdio`.split(' '),
      stdioCommand.join(' '),
    ],
  },
];

/** Installed for the occasion, plain HTTP, without identity, policy or record. Null when it cannot be had. */
export async function startNpmBridge(
  rig: Rig,
  { program, version, words }: Bridge,
): Promise<Contestant | null> {
  const name = `${program} ${version}`;
  const place = join(rig.folder, program);
  try {
    mkdirSync(place);
    const quiet = ['--no-audit', '--no-fund', '--silent', '--prefix', place];
    execFileSync('npm', ['install', ...quiet, `${program}@${version}`], { stdio: 'ignore' });
  } catch {
    process.stderr.write(`${name} cannot be installed: its row is left out.\n`);
    return null;
  }
  const port = await freePort();
  const file = join(place, 'node_modules', '.bin', program);
  const child = spawn(process.execPath, [file, ...words(port)], { stdio: 'ignore' });
  rig.adopt(child);
  if (!(await answersAt(port, child))) {
    process.stderr.write(`${name} does not start: its row is left out.\n`);
    return null;
  }
  const pid = child.pid ?? 0;
  return { name, port, plain: true, path: () => '/mcp', pids: () => [pid, ...childrenOf(pid)] };
}

/** Whether a program takes connections within a minute. */
async function answersAt(port: number, child: ChildProcess): Promise<boolean> {
  for (let tries = 0; tries < 300 && child.exitCode === null; tries++) {
    const taken = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (taken) return true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return false;
}
