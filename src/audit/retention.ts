import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { concat } from '../kernel/bytes.ts';
import { syncFolder, writeDurably } from '../kernel/durable-file.ts';
import { Fault } from '../kernel/fault.ts';
import { leafHash, linkOf, readEntry } from './entry.ts';
import { readLines } from './read-lines.ts';
import { leavesName, listSegments, type Segment } from './segment.ts';

/** How long and how much of a log is kept; null for any length of time, or any size. */
export interface RetentionRules {
  readonly milliseconds: number | null;
  readonly octets: number | null;
}

/** A file of a log that is complete, and that the rules do not keep any longer. */
export interface DueSegment extends Segment {
  /** The index behind its last entry. */
  readonly end: number;
  readonly octets: number;
  readonly why: 'age' | 'size';
}

/** The oldest file that is due, or null. The file that is written to never is. */
export async function dueSegment(
  folder: string,
  { milliseconds, octets }: RetentionRules,
  now: number,
): Promise<DueSegment | null> {
  const segments = await listSegments(folder);
  const [oldest, next] = segments;
  if (!oldest || !next) return null;
  const sizes = await Promise.all(segments.map(async ({ name }) => (await stat(join(folder, name))).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const due = { ...oldest, end: next.first, octets: sizes[0] ?? 0 };
  // The first entry behind it is no older than the last one in it.
  const ended = milliseconds === null ? null : await firstTime(join(folder, next.name));
  if (milliseconds !== null && ended !== null && now - ended > milliseconds) return { ...due, why: 'age' };
  return octets !== null && total > octets ? { ...due, why: 'size' } : null;
}

/**
 * Writes down the leaves of a file, which prove the rest of the log once it is gone. Throws Fault `audit_broken` when its entries
 * are not linked to one another and to the next one: what was changed is kept, as it is.
 */
export async function keepLeaves(folder: string, { name, first, end }: DueSegment): Promise<void> {
  const leaves: Uint8Array[] = [];
  let link: string | null = null;
  for await (const { text, whole } of readLines(join(folder, name))) {
    const entry = whole && text !== null ? readEntry(text) : null;
    const index = first + leaves.length;
    if (!entry || text === null || entry.index !== index || (link !== null && entry.previous !== link)) {
      throw changed(folder, name);
    }
    const leaf = leafHash(text);
    leaves.push(leaf);
    link = linkOf(leaf);
  }
  const next = (await listSegments(folder)).find((segment) => segment.first === end);
  const follower = next && (await firstEntry(join(folder, next.name)));
  if (leaves.length !== end - first || follower?.previous !== link) throw changed(folder, name);
  await writeDurably(join(folder, leavesName(first)), concat(leaves));
}

/** Removes a file whose leaves were kept. */
export async function removeSegment(folder: string, { name }: DueSegment): Promise<void> {
  await rm(join(folder, name));
  await syncFolder(folder);
}

async function firstTime(path: string): Promise<number | null> {
  const entry = await firstEntry(path);
  return entry && Date.parse(entry.time);
}

async function firstEntry(path: string) {
  for await (const { text, whole } of readLines(path)) {
    return whole && text !== null ? readEntry(text) : null;
  }
  return null;
}

function changed(folder: string, name: string): Fault {
  return new Fault(
    'audit_broken',
    `${name} does not fit what follows it, and is not removed. Run: countersign audit verify ${folder}`,
  );
}
