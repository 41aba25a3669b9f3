import { leafHash, readEntry } from './entry.ts';
import { type LogPlace, linesFrom } from './placed-lines.ts';
import { removedCount, removedLeaves } from './removed.ts';
import { segmentName } from './segment.ts';

/** The leaf of one entry, and what is known of it besides. */
export interface PlacedLeaf {
  readonly leaf: Uint8Array;
  /** null when the entry was removed. */
  readonly line: string | null;
  /** When it was written; empty when the entry was removed. */
  readonly time: string;
  readonly place: LogPlace;
  readonly next: LogPlace;
}

/** The leaves of a log from a place on, also of entries that were removed. Throws what `linesFrom` throws. */
export async function* leavesFrom(folder: string, start: LogPlace | null): AsyncGenerator<PlacedLeaf> {
  const from = start?.index ?? 0;
  const removed = await removedCount(folder);
  let index = 0;
  let segment = segmentName(0);
  if (from < removed) {
    for await (const { leaf, file } of removedLeaves(folder)) {
      segment = file.replace(/\.leaves$/, '.jsonl');
      const place = { index, segment, offset: 0 };
      index += 1;
      // Its offset counts for nothing: whoever reads on there asks for the index.
      if (index > from) yield { leaf, line: null, time: '', place, next: { index, segment, offset: 0 } };
    }
  }
  for await (const { line, place, next } of linesFrom(folder, from < removed ? null : start)) {
    yield { leaf: leafHash(line), line, time: readEntry(line).time, place, next };
  }
}
