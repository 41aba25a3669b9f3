import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pause } from '../../test/faults/kit/until.ts';
import type { Probed } from './probe.ts';

/** One look at one process. */
export interface Sample extends Probed {
  /** Milliseconds since the first. */
  readonly at: number;
  /** Resident memory, in octets. */
  readonly resident: number;
  /** Open file descriptors. */
  readonly files: number;
}

/** Looks at a process that has loaded the probe; after a full collection, so that what is left is held. */
export async function lookAt(pid: number, folder: string, at: number): Promise<Sample> {
  const file = join(folder, `${pid}.json`);
  rmSync(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  const end = performance.now() + 60_000;
  for (;;) {
    await pause(20);
    const text = readOr(file);
    if (text !== null) return { at, ...(JSON.parse(text) as Probed), ...residentOf(pid) };
    if (performance.now() > end) throw new Error(`process ${pid} did not answer`);
  }
}

function residentOf(pid: number): { readonly resident: number; readonly files: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  return { resident: kibibytes * 1_024, files: readdirSync(`/proc/${pid}/fd`).length };
}

function readOr(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
