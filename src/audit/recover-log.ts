import { readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes, fromBase64url } from '../kernel/bytes.ts';
import { isJsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import type { Checkpoint } from './checkpoint.ts';
import { genesis, leafHash, linkOf, readEntry } from './entry.ts';
import { Frontier } from './merkle.ts';
import { removedLeaves } from './removed.ts';
import { listSegments, logFiles, type Segment } from './segment.ts';

/** Where a log ended: all that is needed to go on. */
export interface LogEnd {
  readonly size: number;
  readonly link: string;
  readonly frontier: Frontier;
  /** The last segment: its path, its size in octets, its number of entries; null for a new log. */
  readonly segment: { readonly path: string; readonly bytes: number; readonly entries: number } | null;
  /** How many octets of an unfinished entry were removed. */
  readonly removed: number;
}

/**
 * Reads a log to its end and removes an entry that a crash cut off. Starts at the last segment when the frontier before
 * it was kept and leads to the newest checkpoint. Throws Fault `audit_broken` for damage anywhere else, and when the
 * checkpoint covers more or other entries.
 */
export async function recoverLog(folder: string, origin: string, newest: Checkpoint | null): Promise<LogEnd> {
  const segments = await listSegments(folder);
  const end =
    (await readLastSegment(folder, segments, newest)) ??
    (await readOn(folder, segments, newest, await beginningOf(folder, origin, newest)));
  if (end.segment && end.removed > 0) await truncate(end.segment.path, end.segment.bytes);
  return end;
}

type Beginning = Pick<LogEnd, 'size' | 'link' | 'frontier'>;

/** The state before the first entry that retention has left. */
async function beginningOf(folder: string, origin: string, newest: Checkpoint | null): Promise<Beginning> {
  const frontier = new Frontier();
  let [size, link] = [0, genesis(origin)];
  for await (const { leaf } of removedLeaves(folder)) {
    frontier.append(leaf);
    link = linkOf(leaf);
    size += 1;
    checkRoot(newest, size, frontier);
  }
  return { size, link, frontier };
}

/** Null when that is not enough to be sure: then the whole log is read, which also says what is wrong. */
async function readLastSegment(
  folder: string,
  segments: readonly Segment[],
  newest: Checkpoint | null,
): Promise<LogEnd | null> {
  const last = segments.at(-1);
  if (!last || !newest || newest.size < last.first) return null;
  const kept = await keptFrontier(folder, last.first);
  if (!kept) return null;
  try {
    return await readOn(folder, [last], newest, kept);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

async function readOn(
  folder: string,
  segments: readonly Segment[],
  newest: Checkpoint | null,
  { size, link, frontier }: Beginning,
): Promise<LogEnd> {
  let end: LogEnd['segment'] = null;
  let removed = 0;
  checkRoot(newest, size, frontier);
  for (const segment of segments) {
    const path = join(folder, segment.name);
    if (segment.first !== size) throw broken(`${segment.name} does not follow entry ${size - 1}`);
    const bytes = await readFile(path);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    removed = bytes.length - whole;
    if (removed > 0 && segment !== segments.at(-1)) throw broken(`${segment.name} is cut off at its end`);
    const lines = bytes.toString('utf8', 0, whole).split('\n').slice(0, -1);
    for (const line of lines) {
      const entry = readEntry(line);
      if (entry.index !== size || entry.previous !== link) {
        throw broken(`entry ${size} in ${segment.name} is not linked`);
      }
      const leaf = leafHash(line);
      link = linkOf(leaf);
      frontier.append(leaf);
      size += 1;
      checkRoot(newest, size, frontier);
    }
    end = { path, bytes: whole, entries: lines.length };
  }
  if (newest && newest.size > size) {
    throw broken(`its checkpoint covers ${newest.size} entries, but ${size} are there`);
  }
  return { size, link, frontier, segment: end, removed };
}

function checkRoot(newest: Checkpoint | null, size: number, frontier: Frontier): void {
  if (newest?.size === size && !equalBytes(newest.root, frontier.root())) {
    throw broken(`the first ${size} entries do not give the root that its checkpoint signs`);
  }
}

/** The text of the frontier before a segment, kept at rotation so that opening reads one segment only. */
export function frontierText(size: number, link: string, frontier: Frontier): string {
  const hashes = frontier.hashes().map((hash) => Buffer.from(hash).toString('base64url'));
  return JSON.stringify({ size, link, hashes });
}

async function keptFrontier(folder: string, size: number): Promise<Beginning | null> {
  try {
    const kept: unknown = JSON.parse(await readFile(join(folder, logFiles.frontier), 'utf8'));
    if (!isJsonObject(kept) || kept['size'] !== size || typeof kept['link'] !== 'string') return null;
    const texts = Array.isArray(kept['hashes']) ? kept['hashes'] : [];
    const hashes = texts.map((text: unknown) => fromBase64url(String(text)));
    const whole = hashes.filter((hash): hash is Uint8Array => hash?.length === 32);
    if (whole.length !== texts.length) return null;
    return { size, link: kept['link'], frontier: new Frontier(whole, size) };
  } catch {
    // Only a shortcut: without it the whole log is read.
    return null;
  }
}

function broken(what: string): Fault {
  return new Fault('audit_broken', `The audit log does not verify: ${what}. Run: countersign audit verify`);
}
