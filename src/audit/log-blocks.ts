import { appendFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64, toBase64 } from '../kernel/bytes.ts';
import { isJsonObject, type Json } from '../kernel/canonical-json.ts';
import { Frontier, type LeafRange } from './merkle.ts';
import { leavesFrom } from './placed-leaves.ts';
import type { LogPlace } from './placed-lines.ts';
import { logFiles } from './segment.ts';

/** How many entries a block has: a power of two, so that a block is a subtree of every tree that holds it. */
const blockEntries = 1_024;

/** A run of entries: where it begins, when its first entry was written, and its Merkle root. */
interface Block {
  readonly place: LogPlace;
  readonly time: string;
  readonly root: Uint8Array;
}

/**
 * Finds entries and roots of parts of a log without reading all of it. What it knows of whole blocks is kept in a file
 * beside the log: a shortcut that proves nothing, so whoever uses a root of it compares what comes of it with a checkpoint.
 */
export class LogBlocks {
  private readonly folder: string;
  private blocks: Block[] | null = null;
  /** Where the first entry that is in no block yet stands; null at the beginning. */
  private end: LogPlace | null = null;
  private running: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Reads what has been written up to that size. */
  async extend(size: number): Promise<void> {
    const next = this.running.catch(() => undefined).then(() => this.readUpTo(size));
    this.running = next;
    await next;
  }

  /** Throws away what is known: it did not lead to the root that a checkpoint signs. */
  async forget(): Promise<void> {
    await this.running.catch(() => undefined);
    this.blocks = null;
    this.end = null;
    await rm(this.file(), { force: true });
  }

  /** A place at or before an entry, at most a block away from it. */
  placeBefore(index: number): LogPlace | null {
    return this.blocks?.[Math.floor(index / blockEntries)]?.place ?? this.end;
  }

  /** A place before every entry that was written at that time or later; the clock of the writer may step back a little. */
  placeBeforeTime(time: string): LogPlace | null {
    const after = this.blocks?.findIndex((block) => block.time >= time) ?? -1;
    const blocks = this.blocks ?? [];
    return blocks[Math.max(0, (after === -1 ? blocks.length : after) - 1)]?.place ?? null;
  }

  /** The Merkle roots of parts of the tree, as `siblingRanges` and `consistencyRanges` give them. */
  async rootsOf(ranges: readonly LeafRange[]): Promise<readonly Uint8Array[]> {
    const read = new Map<number, Promise<readonly Uint8Array[]>>();
    const leaves = (block: number): Promise<readonly Uint8Array[]> => {
      const known = read.get(block) ?? this.leavesOf(block);
      read.set(block, known);
      return known;
    };
    return await Promise.all(ranges.map((range) => this.rootOf(range, leaves)));
  }

  private async rootOf(
    { from, to }: LeafRange,
    leavesOf: (block: number) => Promise<readonly Uint8Array[]>,
  ): Promise<Uint8Array> {
    const tree = new Frontier();
    let at = from;
    for (; at % blockEntries === 0 && at + blockEntries <= to; at += blockEntries) {
      const block = this.blocks?.[at / blockEntries];
      if (!block) break;
      tree.append(block.root, blockEntries);
    }
    while (at < to) {
      const block = Math.floor(at / blockEntries);
      const start = block * blockEntries;
      const leaves = (await leavesOf(block)).slice(at - start, to - start);
      for (const leaf of leaves) tree.append(leaf);
      if (leaves.length === 0) break;
      at += leaves.length;
    }
    return tree.root();
  }

  private async leavesOf(block: number): Promise<readonly Uint8Array[]> {
    const leaves: Uint8Array[] = [];
    for await (const { leaf } of leavesFrom(this.folder, this.placeBefore(block * blockEntries))) {
      leaves.push(leaf);
      if (leaves.length === blockEntries) break;
    }
    return leaves;
  }

  private async readUpTo(size: number): Promise<void> {
    this.blocks ??= await this.load();
    const fresh: Block[] = [];
    let first: { readonly place: LogPlace; readonly time: string } | null = null;
    let tree = new Frontier();
    const known = this.blocks.length * blockEntries;
    if (known + blockEntries > size) return;
    let { end } = this;
    for await (const { leaf, time, place, next } of leavesFrom(this.folder, end)) {
      first ??= { place, time };
      tree.append(leaf);
      if (next.index % blockEntries !== 0) continue;
      fresh.push({ ...first, root: tree.root() });
      end = next;
      [first, tree] = [null, new Frontier()];
      if (next.index + blockEntries > size) break;
    }
    // Both at once: who looks meanwhile must not take the end for the place of a block that is not there yet.
    this.blocks.push(...fresh);
    this.end = end;
    const lines = fresh.map((block, at) => blockLine(block, fresh[at + 1]?.place ?? end));
    // A shortcut that cannot be written is made anew another time.
    await appendFile(this.file(), lines.join(''), { mode: 0o600 }).catch(() => undefined);
  }

  private async load(): Promise<Block[]> {
    this.end = null;
    const text = await readFile(this.file(), 'utf8').catch(() => '');
    const blocks: Block[] = [];
    for (const line of text.split('\n')) {
      const read = readBlock(line);
      if (!read || read.block.place.index !== blocks.length * blockEntries) break;
      blocks.push(read.block);
      this.end = read.end;
    }
    return blocks;
  }

  private file(): string {
    return join(this.folder, logFiles.blocks);
  }
}

function blockLine({ place, time, root }: Block, end: LogPlace | null): string {
  return `${JSON.stringify({ place, time, root: toBase64(root), end })}\n`;
}

function readBlock(line: string): { readonly block: Block; readonly end: LogPlace } | null {
  let value: Json;
  try {
    value = JSON.parse(line) as Json;
  } catch {
    return null;
  }
  const { place, time, root, end } = isJsonObject(value) ? value : {};
  const octets = typeof root === 'string' ? fromBase64(root) : null;
  if (octets?.length !== 32 || typeof time !== 'string' || !isPlace(place) || !isPlace(end)) return null;
  return { block: { place, time, root: octets }, end };
}

function isPlace(value: Json | undefined): value is Json & LogPlace {
  return (
    isJsonObject(value) &&
    Number.isSafeInteger(value['index']) &&
    Number.isSafeInteger(value['offset']) &&
    typeof value['segment'] === 'string'
  );
}
