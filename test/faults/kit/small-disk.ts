import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A folder on a disk that a test can fill. */
export interface SmallDisk extends Disposable {
  /** `tmpfs` where we may mount one, else `limit`: no file of the process may grow. */
  readonly kind: 'tmpfs' | 'limit';
  readonly folder: string;
  /** Leaves no octet free; where there is only a limit, for that process. */
  fill(pid: number): void;
  free(pid: number): void;
}

const mebibytes = 16;

/** Opens one, of 16 MiB. */
export function openSmallDisk(folder: string): SmallDisk {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const size = `size=${mebibytes}m,mode=0700`;
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', size, 'none', folder]).status === 0;
  const filler = join(folder, 'filler');
  return {
    kind: mounted ? 'tmpfs' : 'limit',
    folder,
    fill(pid) {
      if (mounted) fillUp(filler);
      else limit(pid, String(statSync(join(folder, 'gateway-log', 'log-00000000000000000000.jsonl')).size));
    },
    free(pid) {
      if (mounted) rmSync(filler);
      else limit(pid, 'unlimited');
    },
    [Symbol.dispose]() {
      if (mounted) spawnSync('umount', ['-l', folder]);
    },
  };
}

function fillUp(file: string): void {
  for (let size = 1 << 20; size >= 1; size = Math.floor(size / 4)) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(size));
    } catch {
      // So much does not fit any more.
    }
  }
}

function limit(pid: number, octets: string): void {
  spawnSync('prlimit', ['--pid', String(pid), `--fsize=${octets}:unlimited`]);
}
