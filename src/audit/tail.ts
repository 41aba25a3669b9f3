import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Entry, readEntry } from './entry.ts';
import { segmentsOf } from './log-folder.ts';
import { readLines } from './read-lines.ts';
import { type Segment, segmentName } from './segment.ts';

export interface TailOptions {
  /** The index of the first entry to give; 'end' gives only what is written from now on. The first entry by default. */
  readonly from?: number | 'end';
  /** Whether to wait for more at the end of the log. */
  readonly follow: boolean;
  readonly signal?: AbortSignal;
}

/** How often a followed log is looked at, in milliseconds. */
const pollMilliseconds = 100;

/**
 * The entries of a log in order, across its files, as they are written; ends when the signal is aborted. It reads and
 * does not verify. An entry can be given a moment before it is durable.
 * Throws Fault `not_found` when there is no log, `audit_broken` for a line that is no entry.
 */
export async function* tailLog(folder: string, options: TailOptions): AsyncGenerator<Entry> {
  const { follow, signal } = options;
  let place = await startOf(folder, options.from ?? 0);
  const from = typeof options.from === 'number' ? options.from : 0;
  for (;;) {
    // Listed before reading: a later file means that this one is complete.
    const later: Segment | undefined = (await segmentsOf(folder)).find(({ first }) => first > place.first);
    for await (const { entry, offset } of entriesFrom(folder, place)) {
      place = { ...place, offset };
      if (entry.index >= from) yield entry;
      if (signal?.aborted) return;
    }
    if (later) {
      place = { ...later, offset: 0 };
      continue;
    }
    if (!follow || signal?.aborted) return;
    await sleep(pollMilliseconds, undefined, signal ? { signal } : {}).catch(() => undefined);
    const size = await sizeOf(folder, place.name);
    // Entries that could not be made durable were taken back; what replaces them is read from there.
    if (size < place.offset) place = { ...place, offset: size };
  }
}

/** A position in a file, in octets, at the beginning of a line. */
interface Position extends Segment {
  readonly offset: number;
}

async function startOf(folder: string, from: number | 'end'): Promise<Position> {
  const segments = await segmentsOf(folder);
  const begun = segments.filter(({ first }) => from === 'end' || first <= from);
  const segment = begun.at(-1) ?? segments[0] ?? { name: segmentName(0), first: -1 };
  if (from !== 'end') return { ...segment, offset: 0 };
  let offset = 0;
  for await (const line of readLines(join(folder, segment.name))) {
    if (line.whole) offset += line.octets + 1;
  }
  return { ...segment, offset };
}

async function* entriesFrom(
  folder: string,
  { name, offset }: Position,
): AsyncGenerator<{ readonly entry: Entry; readonly offset: number }> {
  if ((await sizeOf(folder, name)) <= offset) return;
  let end = offset;
  for await (const { text, whole, octets } of readLines(join(folder, name), { start: offset })) {
    // Half an entry is being written; the rest is read next time.
    if (!whole) return;
    end += octets + 1;
    yield { entry: readEntry(text ?? ''), offset: end };
  }
}

async function sizeOf(folder: string, name: string): Promise<number> {
  return await stat(join(folder, name)).then(
    ({ size }) => size,
    () => 0,
  );
}
