import { execFile, spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../free-port.ts';

/** A PostgreSQL of its own on loopback, in a folder that goes away with it. */
export interface Postgres extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** An empty one. */
  readonly database: string;
}

const run = promisify(execFile);
const user = 'keycloak';
const host = '127.0.0.1';
const startSeconds = 30;

/** Starts the PostgreSQL of the machine. It refuses to run as root: then it runs as `postgres`, whom its package made. */
export async function startPostgres(): Promise<Postgres> {
  const bin = programs();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-postgres-'));
  const as = await owner();
  try {
    await chmod(folder, 0o755);
    if (as) await chown(folder, as.uid, as.gid);
    const data = join(folder, 'data');
    const words = ['-D', data, '-A', 'trust', '-U', user, '-E', 'UTF8', '--no-locale', '--no-sync'];
    await run(join(bin, 'initdb'), words, { ...as, cwd: folder });
    const port = await freePort();
    // Nothing of it is to outlive the test: it need not wait for the disk.
    const settings = [`listen_addresses=${host}`, 'fsync=off', 'full_page_writes=off'];
    const server = spawn(
      join(bin, 'postgres'),
      ['-D', data, '-k', folder, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
      { ...as, cwd: folder, stdio: 'ignore' },
    );
    const ended = new Promise((resolve) => server.once('exit', resolve));
    await created(join(bin, 'createdb'), ['-h', host, '-p', String(port), '-U', user, user]);
    return {
      host,
      port,
      user,
      database: user,
      async [Symbol.asyncDispose]() {
        server.kill('SIGINT');
        await ended;
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Debian keeps the programs of each version in a folder of its own, off the path. */
function programs(): string {
  const found = globSync('/usr/lib/postgresql/*/bin/postgres').sort().at(-1);
  if (!found) throw new Error('PostgreSQL is not installed: it is in the package postgresql');
  return dirname(found);
}

async function owner(): Promise<{ readonly uid: number; readonly gid: number } | null> {
  if (process.getuid?.() !== 0) return null;
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((row) => row.startsWith('postgres:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error('There is no user postgres to run PostgreSQL as.');
  return { uid: Number(uid), gid: Number(gid) };
}

/** A server that has just been started takes no orders yet. */
async function created(createdb: string, words: readonly string[]): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await run(createdb, words);
      return;
    } catch (error) {
      if (tries >= startSeconds * 5) throw error;
      await wait(200);
    }
  }
}
