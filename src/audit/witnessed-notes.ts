import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cosignedAt, splitNote, type WitnessKey } from './cosignature.ts';
import { statedSize } from './checkpoint.ts';

/** Where the notes lie that witnesses have signed, in the folder of a log. */
export const witnessedFolder = 'witnessed';

/** The newest note that a witness has signed: the checkpoint with the signature of the log, and a line of the witness. */
export function witnessedFile(folder: string, witness: string): string {
  return join(folder, witnessedFolder, `${witness}.note`);
}

/** A checkpoint that a witness has signed. */
export interface WitnessedNote {
  readonly witness: string;
  readonly size: number;
  /** When it was signed, in epoch milliseconds. */
  readonly at: number;
  /** With the signature of the log alone. */
  readonly note: string;
  /** Where it was found. */
  readonly file: string;
}

/** The largest checkpoint in the folder that this witness has signed, or null. */
export async function witnessedBy(folder: string, witness: WitnessKey): Promise<WitnessedNote | null> {
  const names = await readdir(join(folder, witnessedFolder)).catch(() => []);
  let largest: WitnessedNote | null = null;
  for (const name of names) {
    const file = join(witnessedFolder, name);
    const text = await readFile(join(folder, file), 'utf8').catch(() => '');
    const found = readWitnessed(text, witness, file);
    if (found && (largest === null || found.size > largest.size)) largest = found;
  }
  return largest;
}

function readWitnessed(text: string, witness: WitnessKey, file: string): WitnessedNote | null {
  try {
    const { body, signatures } = splitNote(text);
    const at = cosignedAt(body, signatures, witness);
    if (at === null) return null;
    return {
      witness: witness.name,
      size: statedSize(text),
      at,
      note: `${body}\n${signatures[0] ?? ''}\n`,
      file,
    };
  } catch {
    // What is no note was signed by nobody.
    return null;
  }
}
