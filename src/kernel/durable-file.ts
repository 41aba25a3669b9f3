import { constants } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from './fault.ts';
import { randomId } from './random.ts';

/**
 * Writes a whole file so that a reader, or a machine that loses power, sees the old content or the new and
 * nothing between: temporary file, fdatasync, rename, fsync of the folder. Secrets take the default mode 0600.
 */
export async function writeDurably(path: string, content: Uint8Array | string, mode = 0o600): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomId()}.tmp`;
  try {
    const file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Makes a create, rename or delete inside a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Reads a file that must be the owner's alone. Throws Fault `file_mode` when anybody else may read or write it,
 * `not_found` when it does not exist. File modes are not looked at on Windows, which has none.
 */
export async function readPrivateFile(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new Fault('not_found', `${path} does not exist.`, { cause: error });
  });
  try {
    // The mode of what was opened, so that neither a link nor a change in between shows another file's.
    const status = await file.stat();
    if (process.platform !== 'win32' && status.isFile() && (status.mode & 0o077) !== 0) {
      const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
      throw new Fault(
        'file_mode',
        `${path} has mode ${mode}, so others on this machine can open it. Run: chmod 600 ${path}`,
      );
    }
    return new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
}
