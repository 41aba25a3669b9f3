import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { mayEnd, startOf } from './process-start.ts';

/**
 * The program of the warden (`src/upstream/child-warden.ts`): it takes notes of process groups on its input, and when
 * that ends, because whoever wrote them is gone, it ends the groups that are left and removes their homes.
 */
interface Orphan {
  readonly home: string;
  readonly started: string | null;
}

const grace = Number(process.argv[2] ?? 2_000);
const guarded = new Map<number, Orphan>();

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
for await (const line of createInterface({ input: process.stdin })) {
  const note = JSON.parse(line) as { readonly pid: number; readonly home: string | null };
  if (note.home === null) guarded.delete(note.pid);
  else guarded.set(note.pid, { home: note.home, started: startOf(note.pid) });
}
// Their input has ended with ours: most end by themselves.
await untilGone();
signalAll('SIGTERM');
await untilGone();
signalAll('SIGKILL');
for (const { home } of guarded.values()) {
  if (basename(home).startsWith('countersign-child-')) rmSync(home, { recursive: true, force: true });
}

async function untilGone(): Promise<void> {
  for (let waited = 0; waited < grace && [...guarded.keys()].some(isLeft); waited += 50) await delay(50);
}

function isLeft(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

function signalAll(signal: NodeJS.Signals): void {
  for (const [pid, { started }] of guarded) {
    if (!mayEnd(started, startOf(pid))) continue;
    try {
      process.kill(-pid, signal);
    } catch {
      // Nobody is left in the group.
    }
  }
}
