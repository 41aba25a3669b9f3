import { type Disk, systemDisk } from './disk.ts';

/** What a disk does wrong from now on. */
export type Trouble =
  | { readonly kind: 'none' }
  /** Refuses to write. */
  | { readonly kind: 'full' }
  /** Writes some octets of a batch, then refuses. */
  | { readonly kind: 'short'; readonly octets: number }
  /** Writes, but cannot make it durable. */
  | { readonly kind: 'sync' }
  /** As `short`, and what was written cannot be removed either. */
  | { readonly kind: 'stuck'; readonly octets: number }
  /** Cannot make a new file. */
  | { readonly kind: 'open' };

/** The machine's disk, with troubles and a count of what was done. */
export interface FaultyDisk extends Disk {
  trouble: Trouble;
  writes: number;
  syncs: number;
  /** While set, no write becomes durable. */
  hold: Promise<void> | null;
}

export function faultyDisk(): FaultyDisk {
  const disk: FaultyDisk = {
    ...systemDisk,
    trouble: { kind: 'none' },
    writes: 0,
    syncs: 0,
    hold: null,
    open(path, mode) {
      if (disk.trouble.kind === 'open') throw systemError('EMFILE', 'too many open files');
      return systemDisk.open(path, mode);
    },
    write(file, bytes, position) {
      disk.writes += 1;
      const { trouble } = disk;
      if (trouble.kind === 'full') throw systemError('ENOSPC', 'no space left on device');
      if (trouble.kind === 'short' || trouble.kind === 'stuck') {
        systemDisk.write(file, bytes.subarray(0, trouble.octets), position);
        throw systemError('ENOSPC', 'no space left on device');
      }
      systemDisk.write(file, bytes, position);
    },
    async sync(file) {
      disk.syncs += 1;
      await disk.hold;
      if (disk.trouble.kind === 'sync') throw systemError('EIO', 'i/o error');
      await systemDisk.sync(file);
    },
    truncate(file, size) {
      if (disk.trouble.kind === 'stuck') throw systemError('EIO', 'i/o error');
      systemDisk.truncate(file, size);
    },
  };
  return disk;
}

function systemError(code: string, text: string): Error {
  return Object.assign(new Error(`${code}: ${text}`), { code });
}
