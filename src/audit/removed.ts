import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../kernel/fault.ts';
import { segmentName } from './segment.ts';

const leafOctets = 32;
const pattern = /^log-(\d{20})\.leaves$/;

/** How many entries retention has removed from the beginning of a log. */
export async function removedCount(folder: string): Promise<number> {
  return (await removedParts(folder)).reduce((count, { entries }) => count + entries, 0);
}

/** The leaves of the entries that retention has removed, in order, with the file that they are in. */
export async function* removedLeaves(
  folder: string,
): AsyncGenerator<{ readonly leaf: Uint8Array; readonly file: string; readonly at: number }> {
  for (const { file, entries } of await removedParts(folder)) {
    const octets = new Uint8Array(await readFile(join(folder, file)));
    for (let at = 0; at < entries; at++) {
      yield { leaf: octets.subarray(at * leafOctets, (at + 1) * leafOctets), file, at };
    }
  }
}

/** What is said of an entry that retention has removed. */
export function removedText(index: number): string {
  return `Entry ${index} was removed by retention; only its hash is left.`;
}

/** Files of leaves from the first entry on, without gaps, whose entries are gone. */
async function removedParts(
  folder: string,
): Promise<readonly { readonly file: string; readonly entries: number }[]> {
  const names: string[] = await readdir(folder).catch(() => []);
  names.sort();
  const kept = new Set(names);
  const parts: { file: string; entries: number }[] = [];
  let next = 0;
  for (const file of names) {
    const first = pattern.exec(file)?.[1];
    if (first === undefined || kept.has(segmentName(Number(first)))) continue;
    if (Number(first) !== next) break;
    const { size } = await stat(join(folder, file));
    if (size % leafOctets !== 0) throw new Fault('audit_broken', `${file} does not hold whole hashes.`);
    parts.push({ file, entries: size / leafOctets });
    next += size / leafOctets;
  }
  return parts;
}
