import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../kernel/fault.ts';
import { listSegments, logFiles, type Segment } from './segment.ts';

/** The files with entries of a log, in order. Throws Fault `not_found` when the folder is no log's. */
export async function segmentsOf(folder: string): Promise<readonly Segment[]> {
  const segments = await listSegments(folder).catch((cause: unknown) => {
    throw new Fault('not_found', `There is no audit log in ${folder}.`, { cause });
  });
  if (segments.length === 0 && (await originOf(folder)) === null) {
    throw new Fault('not_found', `There is no audit log in ${folder}.`);
  }
  return segments;
}

/** The origin that the folder states, or null when it states none. */
export async function originOf(folder: string): Promise<string | null> {
  const text = await readFile(join(folder, logFiles.origin), 'utf8').catch(() => null);
  return text === null ? null : text.replace(/\n$/, '');
}

/** The key that lies in the folder of a log. Throws Fault `not_found`. */
export async function folderKey(folder: string): Promise<KeyObject> {
  return await readPublicKey(join(folder, logFiles.publicKey));
}

/** A public key in PEM. Throws Fault `not_found` when there is none in the file. */
export async function readPublicKey(path: string): Promise<KeyObject> {
  try {
    return createPublicKey(await readFile(path));
  } catch (cause) {
    throw new Fault('not_found', `${path} has no public key of an audit log.`, { cause });
  }
}
