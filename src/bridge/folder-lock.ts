import { open, readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';

/** Longer than any enrolment or renewal may take. */
const oldest = 120_000;
const between = 100;

/**
 * Lets one bridge of an agent at a time enrol or renew. The lock of a process that is gone, or that is older than any
 * renewal can be, is taken over. Throws Fault `state_locked` after `patience` milliseconds.
 */
export async function lockFolder(path: string, clock: Clock, patience = 90_000): Promise<AsyncDisposable> {
  const start = clock.monotonic();
  for (;;) {
    const held = await tryLock(path);
    if (held) return held;
    if (await isAbandoned(path, clock)) {
      await rm(path, { force: true });
      continue;
    }
    if (clock.monotonic() - start > patience) {
      throw new Fault(
        'state_locked',
        `Another bridge has been working on this identity for too long. If none runs, remove ${path}.`,
      );
    }
    await wait(between);
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

async function isAbandoned(path: string, clock: Clock): Promise<boolean> {
  const status = await stat(path).catch(() => null);
  if (!status) return false;
  if (clock.now() - status.mtimeMs > oldest) return true;
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
