import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../kernel/durable-file.ts';
import { logFiles } from './segment.ts';

/** How much of the end of the history is looked at: far more than one note takes, in octets. */
const tailOctets = 64 * 1024;

/** Keeps the newest checkpoint of a log, and all of them in order. */
export class CheckpointStore {
  private readonly folder: string;
  /** Whether the history ends with a whole note; not known until it was looked at. */
  private whole = false;

  constructor(folder: string) {
    this.folder = folder;
  }

  async keep(note: string): Promise<void> {
    await writeDurably(join(this.folder, logFiles.checkpoint), note, 0o644);
    const file = await open(join(this.folder, logFiles.history), 'a+', 0o644);
    try {
      if (!this.whole) await removeTornNote(file);
      this.whole = false;
      await file.appendFile(`${note}\n`);
      await file.datasync();
      this.whole = true;
    } finally {
      await file.close();
    }
  }
}

/** Cuts off a note at the end of which a crash or a full disk left only a part. */
async function removeTornNote(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const start = Math.max(0, size - tailOctets);
  const tail = Buffer.alloc(size - start);
  await file.read(tail, 0, tail.length, start);
  // One octet a character, so that positions in the text are positions in the file; the dash is three of them.
  const notes = [...tail.toString('latin1').matchAll(/^\xe2\x80\x94 [^\n]+\n\n/gm)];
  const last = notes.at(-1);
  if (last) await file.truncate(start + last.index + last[0].length);
  else if (start === 0) await file.truncate(0);
}
