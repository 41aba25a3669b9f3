import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { concat } from './bytes.ts';
import type { FaultCode } from './fault-codes.ts';
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

/** No key, certificate, token or passphrase is longer, in octets; a wrong file is noticed rather than read whole. */
const greatestSize = 8 * 1024 * 1024;

/**
 * Reads a file that must be the owner's alone. Throws Fault `file_mode` when anybody else may read or write it,
 * and what `readTextFile` throws; its group may read a credential of the platform. File modes are not looked at on Windows, which has none.
 */
export async function readPrivateFile(path: string): Promise<Uint8Array> {
  const file = await openToRead(path);
  try {
    // The mode of what was opened, so that neither a link nor a change in between shows another file's.
    const status = await file.stat();
    const open = isCredential(path) ? 0o037 : 0o077;
    if (process.platform !== 'win32' && status.isFile() && (status.mode & open) !== 0) {
      const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
      throw new Fault(
        'file_mode',
        `${path} has mode ${mode}, so others on this machine can open it. Run: chmod 600 ${path}`,
      );
    }
    return await readBounded(file, path);
  } finally {
    await file.close();
  }
}

/**
 * Whether a platform has put the file there for this process alone, in the folder that it names (systemd.exec(5), CREDENTIALS).
 * It may be its group's too: a group of the one service, or what the mode shows of an access list that names its user.
 */
function isCredential(path: string): boolean {
  const folder = process.env['CREDENTIALS_DIRECTORY'];
  if (folder === undefined || !isAbsolute(folder)) return false;
  const below = relative(folder, resolve(path));
  return below !== '' && !below.startsWith('..') && !isAbsolute(below);
}

/** Reads a file that anybody may read. Throws Fault `not_found`, `unavailable`, `invalid_input` or `too_large`. */
export async function readTextFile(path: string): Promise<string> {
  const file = await openToRead(path);
  try {
    return Buffer.from(await readBounded(file, path)).toString('utf8');
  } finally {
    await file.close();
  }
}

async function openToRead(path: string): Promise<FileHandle> {
  return await open(path, 'r').catch((error: unknown) => {
    throw readFault(path, error);
  });
}

/** Also of what has no size beforehand, such as a pipe. */
async function readBounded(file: FileHandle, path: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of file.createReadStream({ autoClose: false, end: greatestSize })) {
      parts.push(part as Uint8Array);
      size += (part as Uint8Array).length;
    }
  } catch (error) {
    throw readFault(path, error);
  }
  if (size > greatestSize) throw new Fault('too_large', `${path} is not such a file: it is too long.`);
  return concat(parts);
}

function readFault(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const fault = readFaults[code];
  return fault ? new Fault(fault.code, `${path} ${fault.why}.`, { cause: error }) : error;
}

const readFaults: Readonly<Record<string, { readonly code: FaultCode; readonly why: string }>> = {
  ENOENT: { code: 'not_found', why: 'does not exist' },
  ENOTDIR: { code: 'not_found', why: 'does not exist: a part of the path is a file' },
  EISDIR: { code: 'invalid_input', why: 'is a folder, not a file' },
  EACCES: { code: 'unavailable', why: 'may not be read by this user; look at its owner and mode' },
  EPERM: { code: 'unavailable', why: 'may not be read by this user; look at its owner and mode' },
  EIO: { code: 'unavailable', why: 'cannot be read from the disk' },
};
