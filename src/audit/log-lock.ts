import { open, readFile, rm } from 'node:fs/promises';
import { Fault } from '../kernel/fault.ts';

/**
 * Makes this process the only writer of a log. The lock of a process that is gone is taken over.
 * Throws Fault `state_locked`.
 */
export async function lockLog(path: string): Promise<AsyncDisposable> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(String(process.pid));
      await file.close();
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    if (holder !== process.pid && isAlive(holder)) break;
    if (holder === process.pid && attempt === 0) break;
    await rm(path, { force: true });
  }
  throw new Fault('state_locked', `Another process writes the log ${path} belongs to. Stop it first.`);
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and is somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
