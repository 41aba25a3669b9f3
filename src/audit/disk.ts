import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/** Port: the few acts on a file that a log needs, so that a full or broken disk can be specified. */
export interface Disk {
  /** Opens for reading and writing; `create` fails when the file exists. */
  open(path: string, mode: 'existing' | 'create'): number;
  /** Writes all octets at a position. Throws what the system says, possibly after writing some. */
  write(file: number, bytes: Uint8Array, position: number): void;
  /** Resolves when the data is on the disk. */
  sync(file: number): Promise<void>;
  truncate(file: number, size: number): void;
  /** Whether the file still has a name, so that what is written can be found again. */
  linked(file: number): boolean;
  close(file: number): void;
}

/** The machine's disk. */
export const systemDisk: Disk = {
  open: (path, mode) => openSync(path, mode === 'create' ? 'wx+' : 'r+', 0o600),
  write(file, bytes, position) {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(file, bytes, done, bytes.length - done, position + done);
    }
  },
  sync: (file) =>
    new Promise((resolve, reject) => {
      fdatasync(file, (error) => (error ? reject(error) : resolve()));
    }),
  truncate: (file, size) => ftruncateSync(file, size),
  linked: (file) => fstatSync(file).nlink > 0,
  close: (file) => closeSync(file),
};
