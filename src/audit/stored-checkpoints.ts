import type { KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../kernel/fault.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { readLines } from './read-lines.ts';
import { logFiles } from './segment.ts';

/** A signed note and where it was found. */
export interface StoredNote {
  readonly note: string;
  readonly file: string;
  readonly line: number;
}

/** The notes of a folder as they stand now. Entries that they cover are on the disk already. */
export interface StoredCheckpoints {
  readonly newest: StoredNote | null;
  /** Oldest first. A note that a crash cut off at the end is left out. */
  readonly history: AsyncGenerator<StoredNote>;
}

/** Lines of a note (C2SP signed-note with one signature): origin, size, root, blank, signature. */
const noteLines = 5;

export async function storedCheckpoints(folder: string): Promise<StoredCheckpoints> {
  const history = join(folder, logFiles.history);
  // The size is taken first: notes that are written while the entries are read may cover entries not read.
  const end = await stat(history).then(
    ({ size }) => size,
    () => 0,
  );
  const note = await newestNote(folder);
  return {
    newest: note === null ? null : { note, file: logFiles.checkpoint, line: 1 },
    history: readHistory(history, end),
  };
}

/** The newest signed note of a folder, or null when the log has none. */
export async function newestNote(folder: string): Promise<string | null> {
  try {
    return await readFile(join(folder, logFiles.checkpoint), 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw new Fault('not_found', `The checkpoint of ${folder} cannot be read.`, { cause });
  }
}

/** Reads a note of one log. Throws Fault `audit_broken` when it is not signed by the key or of another log. */
export function readCheckpointOf(note: string, origin: string, publicKey: KeyObject): Checkpoint {
  const checkpoint = readCheckpoint(note, publicKey);
  if (checkpoint.origin !== origin) {
    throw new Fault('audit_broken', `The checkpoint is of the log ${checkpoint.origin}, not of ${origin}.`);
  }
  return checkpoint;
}

async function* readHistory(path: string, end: number): AsyncGenerator<StoredNote> {
  let lines: string[] = [];
  for await (const { number, text } of readLines(path, { end })) {
    // The blank line after a note divides it from the next.
    if (lines.length === noteLines) {
      yield { note: `${lines.join('\n')}\n${text ?? ''}`, file: logFiles.history, line: number - noteLines };
      lines = [];
    } else {
      lines.push(text ?? '');
    }
  }
}
