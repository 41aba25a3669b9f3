import { readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64url } from '../kernel/bytes.ts';
import { isJsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { genesis, leafHash, linkOf, readEntry } from './entry.ts';
import { Frontier } from './merkle.ts';
import { listSegments, logFiles } from './segment.ts';

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
 * it was kept. Throws Fault `audit_broken` for damage anywhere else.
 */
export async function recoverLog(folder: string, origin: string): Promise<LogEnd> {
  const segments = await listSegments(folder);
  const last = segments.at(-1);
  const kept = last ? await keptFrontier(folder, last.first) : null;
  let { size, link, frontier } = kept ?? { size: 0, link: genesis(origin), frontier: new Frontier() };
  let end: LogEnd['segment'] = null;
  let removed = 0;
  for (const segment of kept && last ? [last] : segments) {
    const path = join(folder, segment.name);
    if (segment.first !== size) throw broken(`${segment.name} does not follow entry ${size - 1}`);
    const bytes = await readFile(path);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < bytes.length) {
      if (segment !== last) throw broken(`${segment.name} is cut off in the middle of the log`);
      removed = bytes.length - whole;
      await truncate(path, whole);
    }
    const lines = bytes.toString('utf8', 0, whole).split('\n').slice(0, -1);
    for (const line of lines) {
      const entry = readEntry(line);
      if (entry.index !== size || entry.previous !== link)
        throw broken(`entry ${size} in ${segment.name} is not linked`);
      link = linkOf(line);
      frontier.append(leafHash(line));
      size += 1;
    }
    end = { path, bytes: whole, entries: lines.length };
  }
  return { size, link, frontier, segment: end, removed };
}

/** The text of the frontier before a segment, kept at rotation so that opening reads one segment only. */
export function frontierText(size: number, link: string, frontier: Frontier): string {
  const hashes = frontier.hashes().map((hash) => Buffer.from(hash).toString('base64url'));
  return JSON.stringify({ size, link, hashes });
}

async function keptFrontier(
  folder: string,
  size: number,
): Promise<Pick<LogEnd, 'size' | 'link' | 'frontier'> | null> {
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
