import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { logFiles } from './segment.ts';

/** A checkpoint together with the signed note it was read from. */
export interface SignedCheckpoint extends Checkpoint {
  readonly note: string;
}

/**
 * Every checkpoint of a log's folder, smallest first, each signature verified. A note that a crash cut off at the end
 * of the history is left out. Throws Fault `audit_broken` for a note that does not verify.
 */
export async function readHistory(folder: string, key: KeyObject): Promise<readonly SignedCheckpoint[]> {
  const history = await textOf(join(folder, logFiles.history));
  const newest = await textOf(join(folder, logFiles.checkpoint));
  // Every note of the history is followed by one empty line more; what follows the last is unfinished.
  const notes = history
    .split(/(?<=\n— [^\n]+\n)\n/)
    .slice(0, -1)
    .concat(newest === '' ? [] : [newest]);
  const read = notes.map((note) => ({ ...readCheckpoint(note, key), note }));
  return read.sort((a, b) => a.size - b.size);
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}
