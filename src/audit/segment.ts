import { readdir } from 'node:fs/promises';

/** The files of a log are named by the index of their first entry. */
const pattern = /^log-(\d{20})\.jsonl$/;

/** One file of a log, named by the index of its first entry. */
export interface Segment {
  readonly name: string;
  readonly first: number;
}

export function segmentName(firstIndex: number): string {
  return `log-${String(firstIndex).padStart(20, '0')}.jsonl`;
}

/** The segments of a folder in order, with the index of their first entry. */
export async function listSegments(folder: string): Promise<readonly Segment[]> {
  const names = (await readdir(folder)).sort();
  return names.flatMap((name) => {
    const first = pattern.exec(name)?.[1];
    return first === undefined ? [] : [{ name, first: Number(first) }];
  });
}

/** What is left of a file that retention removed: the Merkle leaves of its entries, 32 octets each. */
export function leavesName(firstIndex: number): string {
  return segmentName(firstIndex).replace(/\.jsonl$/, '.leaves');
}

/** Names of the other files of a log's folder. */
export const logFiles = {
  checkpoint: 'checkpoint',
  history: 'checkpoints.txt',
  publicKey: 'public-key.pem',
  origin: 'origin.txt',
  frontier: 'frontier.json',
  blocks: 'blocks.txt',
  lock: 'lock',
} as const;
