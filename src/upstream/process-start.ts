import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** When a process started, as its system tells it; null when there is none, or nothing tells. The same for its whole life. */
export function startOf(pid: number): string | null {
  if (process.platform === 'linux') return startInProc(pid);
  const { stdout } = spawnSync('/bin/ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout?.trim() || null;
}

/** proc_pid_stat(5): the 22nd field; the second one is a name in parentheses that may hold anything. */
function startInProc(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/**
 * Whether a process group is still the one that was noted. A leader that started at another time has taken its number
 * over. Without a leader it is the same group, since no process gets the number of a group that has members (POSIX,
 * `fork`).
 */
export function mayEnd(noted: string | null, now: string | null): boolean {
  return now === null || now === noted;
}
