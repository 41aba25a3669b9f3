import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../kernel/fault.ts';
import { segmentsOf } from './log-folder.ts';
import { readLines } from './read-lines.ts';
import { removedCount } from './removed.ts';

/** Where an entry stands in the files of a log. */
export interface LogPlace {
  readonly index: number;
  /** The name of the file. */
  readonly segment: string;
  /** Where its line begins, in octets. */
  readonly offset: number;
}

/** A line without its line break, where it stands, and where the next one does. */
export interface PlacedLine {
  readonly line: string;
  readonly place: LogPlace;
  readonly next: LogPlace;
}

/**
 * The whole lines of a log from a place on, across its files. Null begins at the first entry that retention has left. Ends where the log does, or
 * where a line is cut off. Throws Fault `not_found` when there is no log.
 */
export async function* linesFrom(folder: string, start: LogPlace | null): AsyncGenerator<PlacedLine> {
  const segments = await segmentsOf(folder);
  const removed = await removedCount(folder);
  const first = { index: removed, segment: segments[0]?.name ?? '', offset: 0 };
  let place = start === null || start.index < removed ? first : start;
  for (const { name, first: begins } of segments) {
    if (name < place.segment) continue;
    if (name !== place.segment) place = { index: place.index, segment: name, offset: 0 };
    if (place.offset === 0 && begins !== place.index) throw gap(place.index, folder);
    const { size } = await stat(join(folder, name));
    if (size <= place.offset) continue;
    for await (const { text, whole, octets } of readLines(join(folder, name), { start: place.offset })) {
      if (!whole || text === null) return;
      const next = { index: place.index + 1, segment: name, offset: place.offset + octets + 1 };
      yield { line: text, place, next };
      place = next;
    }
  }
}

function gap(index: number, folder: string): Fault {
  return new Fault(
    'audit_broken',
    `Entry ${index} is not in the log. Run: countersign audit verify ${folder}`,
  );
}
