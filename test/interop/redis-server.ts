import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { missing } from './missing.ts';

/** Why tests with a real Redis cannot run here, or false. */
export const skip = missing('redis-server');

/** A real Redis on a port of loopback, or on a socket in a folder that goes away with it. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** What a command answers, as text. */
  ask(...words: readonly string[]): Promise<string>;
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again, with whatever it has on its disk. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** As if it had been remembering for an hour. */
  settle(domain?: string): Promise<void>;
}

/** Starts one without anything on its disk, unless `words` of its configuration say otherwise. */
export async function startRedis(words: readonly string[] = []): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-redis-'));
  const port = await freePort();
  let child: ChildProcess | null = null;
  const ask = (...command: readonly string[]): Promise<string> => askRedis(port, command);
  const start = async (): Promise<void> => {
    const usual = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', ''];
    const started = spawn('redis-server', [...usual, ...words], { stdio: 'ignore' });
    child = started;
    for (let tries = 0; tries < 500; tries++) {
      if (started.exitCode !== null) throw new Error(`redis-server ended with ${started.exitCode}`);
      const answer = await ask('PING').catch(() => '');
      // One that asks for a password is there as well.
      if (/^(\+PONG|-NOAUTH)/.test(answer)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('redis-server did not come up');
  };
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await gone;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    ask,
    kill,
    start,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async settle(domain = 'example.internal') {
      const run = /run_id:(\w+)/.exec(await ask('INFO', 'server'))?.[1] ?? '';
      await ask('HSET', `countersign:{${domain}}:since`, 'run', run, 'since', String(Date.now() - 3_600_000));
    },
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** One command on a connection of its own; gives the answer as it comes over the wire. */
async function askRedis(port: number, words: readonly string[]): Promise<string> {
  const socket: Socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  socket.end(
    `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`,
  );
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
