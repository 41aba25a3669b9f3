import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64url } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { statedSize } from './checkpoint.ts';
import { leafHash } from './entry.ts';
import { originOf } from './log-folder.ts';
import { leavesFrom } from './placed-leaves.ts';
import { readLines } from './read-lines.ts';
import { newestNote } from './stored-checkpoints.ts';

/** What a receiver has of a log, held against the log. */
export interface Comparison {
  readonly ok: boolean;
  /** Different entries that the receiver has and that are the same here. */
  readonly same: number;
  /** How many of what it has came more than once. */
  readonly repeated: number;
  /** Entries that it has with other octets, at most a hundred. */
  readonly changed: readonly number[];
  /** Entries that it has not although it has later ones, as ranges, at most a hundred. */
  readonly missing: readonly { readonly from: number; readonly to: number }[];
  /** Entries that it has and that are not here: the log here was cut back, or is another one. */
  readonly unknown: readonly number[];
  /** Entries under a checkpoint that it does not have yet. */
  readonly behind: number;
}

/** How deep folders are looked into, and how many findings of a kind are given. */
const [depth, most] = [6, 100];
/**
 * An entry wherever it stands: its canonical line, and before it the id with the origin, as webhooks and syslog have it. Quotes in
 * values are escaped, so that no value looks like the members that end a line.
 */
const entryPattern =
  /(?:"id":"((?:[^"\\]|\\.)*)#\d+","hash":"[\w-]{43}","entry":)?(\{"event":\{.*?\},"index":(\d{1,15}),"previous":"[\w-]{43}","time":"[\dT:.-]{23}Z"\})/g;

/**
 * Compares what was exported with a log: files or folders of bodies of webhooks, messages of syslog, or lines. Entries of other logs are left
 * aside where they name their log. Throws Fault `not_found`.
 */
export async function compareCopies(folder: string, paths: readonly string[]): Promise<Comparison> {
  const origin = await originOf(folder);
  if (origin === null) throw new Fault('not_found', `There is no audit log in ${folder}.`);
  const found = new Map<number, Set<string>>();
  let repeated = 0;
  for (const path of paths) {
    for await (const { index, hash } of entriesIn(path, origin, depth)) {
      const known = found.get(index) ?? new Set<string>();
      if (known.has(hash)) repeated += 1;
      known.add(hash);
      found.set(index, known);
    }
  }
  return { repeated, ...(await against(folder, found)) };
}

async function against(
  folder: string,
  found: ReadonlyMap<number, ReadonlySet<string>>,
): Promise<Omit<Comparison, 'repeated'>> {
  const note = await newestNote(folder);
  const size = note === null ? 0 : statedSize(note);
  const last = [...found.keys()].reduce((largest, index) => Math.max(largest, index), -1);
  const changed: number[] = [];
  const missing: { from: number; to: number }[] = [];
  let [same, count] = [0, 0];
  for await (const { leaf, place } of leavesFrom(folder, null)) {
    const hashes = found.get(place.index);
    count = place.index + 1;
    if (!hashes && place.index < last) addTo(missing, place.index);
    if (!hashes) continue;
    const fits = hashes.has(toBase64url(leaf));
    if (fits) same += 1;
    // Also one that it has twice, once as it is here and once otherwise.
    if (!fits || hashes.size > 1) changed.push(place.index);
  }
  const unknown = [...found.keys()].filter((index) => index >= count).sort((one, other) => one - other);
  return {
    ok: changed.length === 0 && missing.length === 0 && unknown.length === 0,
    same,
    changed: changed.slice(0, most),
    missing: missing.slice(0, most),
    unknown: unknown.slice(0, most),
    behind: Math.max(0, size - (last + 1)),
  };
}

function addTo(ranges: { from: number; to: number }[], index: number): void {
  const before = ranges.at(-1);
  if (before?.to === index) before.to = index + 1;
  else ranges.push({ from: index, to: index + 1 });
}

async function* entriesIn(
  path: string,
  origin: string,
  left: number,
): AsyncGenerator<{ readonly index: number; readonly hash: string }> {
  const status = await stat(path).catch((cause: unknown) => {
    throw new Fault('not_found', `${path} cannot be read.`, { cause });
  });
  if (status.isDirectory()) {
    const names: string[] = left > 0 ? await readdir(path) : [];
    for (const name of names.sort()) yield* entriesIn(join(path, name), origin, left - 1);
    return;
  }
  for await (const { text } of readLines(path)) {
    for (const [, id, line = '', index] of (text ?? '').matchAll(entryPattern)) {
      if (id !== undefined && id !== JSON.stringify(origin).slice(1, -1)) continue;
      yield { index: Number(index), hash: toBase64url(leafHash(line)) };
    }
  }
}
