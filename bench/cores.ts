import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import type { Contestant } from './contestants.ts';

/**
 * The last core of the machine is the contestants', which run in turn; load client and MCP server have the others. So
 * nobody's caches are emptied, and nobody is put off, by what measures it.
 */
const last = cpus().length - 1;

/** Whether cores can be shared out: there are two, and a `taskset` (util-linux). */
export const sharesOut = last > 0 && leaveLast();

/** Gives contestants their core, wherever their processes and threads are now. */
export function toTheirCore<Each extends Contestant>(contestants: readonly Each[]): readonly Each[] {
  if (sharesOut) for (const { pids } of contestants) for (const pid of pids()) keepTo(String(last), pid);
  return contestants;
}

/** This process and all that it starts keep off the contestants' core. */
function leaveLast(): boolean {
  try {
    keepTo(`0-${last - 1}`, process.pid);
    return true;
  } catch {
    return false;
  }
}

/** Threads that a process has yet to start stay where it is. */
function keepTo(cores: string, pid: number): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)], { stdio: 'ignore' });
}
