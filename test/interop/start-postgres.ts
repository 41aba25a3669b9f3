import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { globSync } from 'node:fs';
import { appendFile, chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

/** A PostgreSQL of its own on loopback, in a folder that goes away with it. */
export interface Postgres extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** An empty one. */
  readonly database: string;
  /** Makes another empty database and gives its name. */
  createDatabase(): Promise<string>;
  /** Runs SQL in a database and gives what psql prints, one line for each row. */
  sql(database: string, text: string): Promise<string>;
  /** Ends it: `fast` is a restart as people do it, `immediate` a crash. */
  stop(how: 'fast' | 'immediate'): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  /** Keeps its files as they are now, to be taken again later; it must be stopped. */
  keep(): Promise<void>;
  /** Puts back the files that were kept, as somebody would who restores an older copy; it must be stopped. */
  putBack(): Promise<void>;
}

export interface PostgresChoices {
  readonly user?: string;
  /** Whether it waits for the disk, as tests of what is durable want it. */
  readonly durable?: boolean;
  /** Lines of pg_hba.conf instead of letting everybody in. */
  readonly access?: readonly string[];
  /** PEM of its certificate and key. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly settings?: readonly string[];
}

const run = promisify(execFile);
const host = '127.0.0.1';
const startSeconds = 30;

/** Starts the PostgreSQL of the machine. It refuses to run as root: then it runs as `postgres`, whom its package made. */
export async function startPostgres(choices: PostgresChoices = {}): Promise<Postgres> {
  const { user = 'keycloak' } = choices;
  const bin = programs();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-postgres-'));
  const as = await owner();
  const data = join(folder, 'data');
  const port = await freePort();
  let server: { readonly child: ChildProcess; readonly ended: Promise<unknown> } | null = null;
  const start = async (): Promise<void> => {
    const child = spawn(join(bin, 'postgres'), ['-D', data, '-k', folder, '-p', String(port)], {
      ...as,
      cwd: folder,
      stdio: 'ignore',
    });
    server = { child, ended: new Promise((resolve) => child.once('exit', resolve)) };
    await answering(join(bin, 'pg_isready'), ['-h', folder, '-p', String(port)]);
  };
  const stop = async (how: 'fast' | 'immediate'): Promise<void> => {
    // https://www.postgresql.org/docs/current/server-shutdown.html
    server?.child.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await server?.ended;
    server = null;
  };
  // Over the socket, where access and TLS do not matter.
  const there = ['-h', folder, '-p', String(port), '-U', user];
  const sql = async (database: string, text: string): Promise<string> =>
    (await run(join(bin, 'psql'), [...there, '-d', database, '-qAtX', '-v', 'ON_ERROR_STOP=1', '-c', text]))
      .stdout;
  let made = 0;
  const createDatabase = async (): Promise<string> => {
    made += 1;
    await run(join(bin, 'createdb'), [...there, `db${made}`]);
    return `db${made}`;
  };
  const copy = join(folder, 'kept');
  const whole = async (from: string, to: string): Promise<void> => {
    await rm(to, { recursive: true, force: true });
    await run('cp', ['-a', from, to], { cwd: folder });
  };
  try {
    await chmod(folder, 0o755);
    if (as) await chown(folder, as.uid, as.gid);
    const words = ['-D', data, '-A', 'trust', '-U', user, '-E', 'UTF8', '--no-locale', '--no-sync'];
    await run(join(bin, 'initdb'), words, { ...as, cwd: folder });
    await configure(data, choices, as);
    await start();
    await run(join(bin, 'createdb'), [...there, user]).catch(async (error: unknown) => {
      if (user !== 'postgres') throw error;
    });
    return {
      host,
      port,
      user,
      database: user,
      createDatabase,
      sql,
      stop,
      start,
      keep: () => whole(data, copy),
      putBack: () => whole(copy, data),
      async [Symbol.asyncDispose]() {
        await stop('fast');
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await stop('immediate');
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function configure(
  data: string,
  { durable = false, access, tls, settings = [] }: PostgresChoices,
  as: Owner | null,
): Promise<void> {
  const lines = [
    `listen_addresses = '${host}'`,
    // Nothing of it is to outlive the test: it need not wait for the disk.
    ...(durable ? [] : ['fsync = off', 'full_page_writes = off']),
    ...settings,
  ];
  if (access) await writeFile(join(data, 'pg_hba.conf'), ['local all all trust', ...access, ''].join('\n'));
  if (tls) {
    for (const [name, text] of [
      ['server.crt', tls.certificate],
      ['server.key', tls.key],
    ] as const) {
      await writeFile(join(data, name), text, { mode: 0o600 });
      if (as) await chown(join(data, name), as.uid, as.gid);
    }
    lines.push('ssl = on');
  }
  await appendFile(join(data, 'postgresql.conf'), `${lines.join('\n')}\n`);
}

/** Debian keeps the programs of each version in a folder of its own, off the path. */
function programs(): string {
  const found = globSync('/usr/lib/postgresql/*/bin/postgres').sort().at(-1);
  if (!found) throw new Error('PostgreSQL is not installed: it is in the package postgresql');
  return dirname(found);
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

async function owner(): Promise<Owner | null> {
  if (process.getuid?.() !== 0) return null;
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((row) => row.startsWith('postgres:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error('There is no user postgres to run PostgreSQL as.');
  return { uid: Number(uid), gid: Number(gid) };
}

/** A server that has just been started takes no orders yet. */
async function answering(isReady: string, words: readonly string[]): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await run(isReady, words);
      return;
    } catch (error) {
      if (tries >= startSeconds * 10) throw error;
      await wait(100);
    }
  }
}
