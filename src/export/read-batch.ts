import { leafHash, linkOf, readEntry } from '../audit/entry.ts';
import { linesFrom, type LogPlace } from '../audit/placed-lines.ts';
import { removedCount } from '../audit/removed.ts';
import { newestNote } from '../audit/stored-checkpoints.ts';
import { statedSize } from '../audit/checkpoint.ts';
import { Fault } from '../kernel/fault.ts';
import type { BatchLimits, ExportBatch, ExportedEntry } from './destination.ts';
import type { Position } from './position.ts';

/** A batch and where the log goes on behind it. */
export interface PlacedBatch {
  readonly batch: ExportBatch;
  readonly next: LogPlace;
  readonly previous: string;
}

/** What there is to export of a log. */
export interface Pending {
  /** How many entries a checkpoint covers that were not taken yet. */
  readonly count: number;
  /** When the oldest of them was written, in epoch milliseconds; null when there is none. */
  readonly oldest: number | null;
  /** A signed note that covers them; null when the log has none. */
  readonly checkpoint: string | null;
  readonly size: number;
}

/**
 * What a signed checkpoint covers and the destination has not taken. Entries behind the newest checkpoint are not exported
 * yet: they may still be taken back by a writer whose disk failed.
 */
export async function pendingOf(folder: string, position: Position): Promise<Pending> {
  const checkpoint = await newestNote(folder);
  const size = checkpoint === null ? 0 : statedSize(checkpoint);
  const next = position.place?.index ?? (await removedCount(folder));
  if (size <= next) return { count: 0, oldest: null, checkpoint, size };
  for await (const { line } of linesFrom(folder, position.place)) {
    return { count: size - next, oldest: Date.parse(readEntry(line).time), checkpoint, size };
  }
  return { count: 0, oldest: null, checkpoint, size };
}

/**
 * The next entries below the size of the checkpoint, as many as the limits allow, and up to `last` when that batch was begun
 * before. Throws Fault `audit_broken` when what the log has there does not follow what was exported.
 */
export async function readBatch(
  folder: string,
  position: Position,
  { checkpoint, size }: { readonly checkpoint: string; readonly size: number },
  limits: Pick<BatchLimits, 'entries' | 'octets'>,
): Promise<PlacedBatch | null> {
  const entries: ExportedEntry[] = [];
  let octets = 0;
  let { previous } = position;
  let next: LogPlace | null = null;
  for await (const placed of linesFrom(folder, position.place)) {
    const { line } = placed;
    if (placed.place.index >= size) break;
    octets += Buffer.byteLength(line) + 1;
    if (entries.length > 0 && position.sending === null && octets > limits.octets) break;
    const entry = readEntry(line);
    if (entry.index !== placed.place.index || (previous !== null && entry.previous !== previous)) {
      throw otherLog(folder, placed.place.index);
    }
    const hash = linkOf(leafHash(line));
    entries.push({ index: entry.index, line, hash });
    [next, previous] = [placed.next, hash];
    const full =
      position.sending === null ? entries.length >= limits.entries : entry.index >= position.sending;
    if (full) break;
  }
  if (next === null || previous === null) return null;
  return { batch: { origin: position.origin, entries, checkpoint }, next, previous };
}

function otherLog(folder: string, index: number): Fault {
  return new Fault(
    'audit_broken',
    `Entry ${index} does not follow what was exported before. Run: countersign audit verify ${folder}`,
  );
}
