import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { sha256Base64url } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { randomId } from '../kernel/random.ts';

/**
 * Makes this process the only writer of a log. The lock of a process that is gone is taken over.
 * Throws Fault `state_locked`.
 */
export async function lockLog(path: string): Promise<AsyncDisposable> {
  const id = randomId();
  // No two locks have the same text, so that one judged stale cannot be confused with one made since.
  const own = `${await holderText(process.pid)} ${id}`;
  const temporary = `${path}.${id}.tmp`;
  await writeFile(temporary, own, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      // A link appears with its content, or not at all.
      if (await tryLink(temporary, path)) {
        return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
      }
      const holder = await readFile(path, 'utf8').catch(() => '');
      if (await isHeld(holder, own)) break;
      await removeStale({ path, text: holder }, own, temporary);
    }
  } finally {
    await rm(temporary, { force: true });
  }
  throw new Fault('state_locked', `Another process writes the log ${path} belongs to. Stop it first.`);
}

/**
 * A process number alone would be mistaken after a restart, above all in a container, where it is the same each time:
 * the start of the process tells them apart.
 */
async function holderText(pid: number): Promise<string> {
  return `${pid} ${(await startOf(pid)) ?? performance.timeOrigin}`;
}

/** When a process began, as Linux counts it (proc_pid_stat(5), field 22); null elsewhere. */
async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The second field is a name in parentheses that may itself have spaces.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

async function isHeld(holder: string, own: string): Promise<boolean> {
  const [pidText = '', start = ''] = holder.split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  if (pid === process.pid) return start === own.split(' ')[1];
  if (!isAlive(pid)) return false;
  const actual = await startOf(pid);
  return actual === null || actual === start;
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

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes a lock that was judged stale. Who does so holds a claim to that very lock, told by its text; a claim whose
 * maker is gone is itself a stale lock. So no lock made since is ever removed.
 */
async function removeStale(
  stale: { readonly path: string; readonly text: string },
  own: string,
  temporary: string,
): Promise<void> {
  const claim = `${stale.path}.${sha256Base64url(stale.text).slice(0, 16)}`;
  if (!(await tryLink(temporary, claim))) {
    const claimant = await readFile(claim, 'utf8').catch(() => own);
    if (!(await isHeld(claimant, own))) await removeStale({ path: claim, text: claimant }, own, temporary);
    return;
  }
  try {
    const present = await readFile(stale.path, 'utf8').catch(() => null);
    if (present === stale.text) await rm(stale.path, { force: true });
  } finally {
    await rm(claim, { force: true });
  }
}
