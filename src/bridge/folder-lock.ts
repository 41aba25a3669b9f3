import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { randomId } from '../kernel/random.ts';
import { pause } from './back-off.ts';

/** Longer than any enrolment or renewal may take. */
const oldest = 120_000;
const patience = 90_000;
const between = 100;

/**
 * Lets one bridge of an agent at a time enrol or renew. The lock of a process that is gone, or that is older than any
 * renewal can be, is taken over. Throws Fault `state_locked` when it takes too long, or the signal is aborted meanwhile.
 */
export async function lockFolder(path: string, clock: Clock, signal?: AbortSignal): Promise<AsyncDisposable> {
  const stop = signal ?? new AbortController().signal;
  const start = clock.monotonic();
  for (;;) {
    const held = await tryLock(path);
    if (held) return held;
    await removeAbandoned(path, clock);
    if (stop.aborted || clock.monotonic() - start > patience) {
      throw new Fault(
        'state_locked',
        `Another bridge has been working on this identity for too long. If none runs, remove ${path}.`,
      );
    }
    await pause(between, stop);
  }
}

async function tryLock(path: string): Promise<AsyncDisposable | null> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(String(process.pid));
    } finally {
      await file.close();
    }
    return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return null;
    throw error;
  }
}

/** Removes a lock that nobody holds, and no other that came in its place meanwhile. */
async function removeAbandoned(path: string, clock: Clock): Promise<void> {
  const judged = await stat(path, { bigint: true }).catch(() => null);
  if (!judged || !(await isAbandoned(path, Number(judged.mtimeMs), clock))) return;
  const aside = `${path}.${randomId()}`;
  try {
    await rename(path, aside);
    const taken = await stat(aside, { bigint: true });
    if (taken.ino !== judged.ino || taken.mtimeNs !== judged.mtimeNs) await link(aside, path);
  } catch {
    // Another bridge was faster; the next attempt sees what it left.
  } finally {
    await rm(aside, { force: true });
  }
}

async function isAbandoned(path: string, touched: number, clock: Clock): Promise<boolean> {
  if (clock.now() - touched > oldest) return true;
  const holder = Number(await readFile(path, 'utf8').catch(() => ''));
  // Between its creation and its content a lock is empty.
  return holder > 0 && !isAlive(holder);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and is somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
