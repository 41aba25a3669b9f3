import type { KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../kernel/fault.ts';
import { statedSize } from './checkpoint.ts';
import { LogWalk } from './log-walk.ts';
import { readLines } from './read-lines.ts';
import type { StoredNote } from './stored-checkpoints.ts';
import { type AuditVerification, verifyLines } from './verify.ts';

/** A file of copies, as the exporter to an object store names it. */
interface CopiedSegment {
  readonly name: string;
  readonly first: number;
  readonly last: number;
}

const pattern = /^segment-(\d{20})-(\d{20})\.jsonl$/;

/** Whether a folder holds copies of a log, as they come out of an object store. */
export async function holdsCopies(folder: string): Promise<boolean> {
  return (await segmentsIn(folder)).length > 0;
}

/**
 * Verifies copies of a log with the key of the log and nothing else: links, order, and the roots of the checkpoints beside them.
 * A copy within another one counts once. Throws Fault `not_found` when there is none.
 */
export async function verifyCopies(
  folder: string,
  { publicKey, origin }: { readonly publicKey: KeyObject; readonly origin?: string },
): Promise<AuditVerification> {
  const segments = withoutRepetitions(await segmentsIn(folder));
  const last = segments.at(-1);
  if (!last) throw new Fault('not_found', `There are no copies of a log in ${folder}.`);
  // The newest checkpoint may cover entries that are not here yet; what it says of them is told by the next copy.
  const all = await notesIn(folder);
  const notes = all.filter(({ note }) => statedSize(note) <= last.last + 1);
  const stated = origin ?? all[0]?.note.split('\n', 1)[0] ?? '';
  const history = each(notes);
  const walk = new LogWalk({ origin: stated, publicKey, history });
  const broken = await verifyLines(walk, linesOf(folder, segments));
  await history.return(undefined);
  return {
    ok: broken === null,
    ...walk.result(broken),
    origin: stated,
    keyFrom: 'given',
    firstBroken: broken,
    witnessed: [],
    removed: 0,
  };
}

async function segmentsIn(folder: string): Promise<readonly CopiedSegment[]> {
  const names: string[] = await readdir(folder).catch(() => []);
  names.sort();
  return names.flatMap((name) => {
    const [, first, last] = pattern.exec(name) ?? [];
    return first === undefined || last === undefined
      ? []
      : [{ name, first: Number(first), last: Number(last) }];
  });
}

/** A batch that was begun twice with other bounds lies within the other one. */
function withoutRepetitions(segments: readonly CopiedSegment[]): readonly CopiedSegment[] {
  const kept: CopiedSegment[] = [];
  for (const one of segments) {
    const before = kept.at(-1);
    if (before && one.first === before.first && one.last >= before.last) kept.pop();
    else if (before && one.last <= before.last) continue;
    kept.push(one);
  }
  return kept;
}

async function notesIn(folder: string): Promise<readonly StoredNote[]> {
  const names: string[] = await readdir(folder);
  const files = names.filter((name) => /^segment-\d{20}-\d{20}\.checkpoint$/.test(name));
  const notes = await Promise.all(
    files.map(async (file) => ({ note: await readFile(join(folder, file), 'utf8'), file, line: 1 })),
  );
  return notes.sort((one, other) => statedSize(one.note) - statedSize(other.note));
}

async function* each(notes: readonly StoredNote[]): AsyncGenerator<StoredNote> {
  yield* notes;
}

async function* linesOf(folder: string, segments: readonly CopiedSegment[]) {
  for (const segment of segments) {
    for await (const line of readLines(join(folder, segment.name))) yield { segment, line };
  }
}
