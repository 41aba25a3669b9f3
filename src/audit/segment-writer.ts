import { join } from 'node:path';
import { sha256 } from '../kernel/bytes.ts';
import { syncFolder, writeDurably } from '../kernel/durable-file.ts';
import type { Disk } from './disk.ts';
import { entryLine, entryTime, leafOctet, linkOf } from './entry.ts';
import type { Frontier } from './merkle.ts';
import { frontierText, type LogEnd } from './recover-log.ts';
import { logFiles, segmentName } from './segment.ts';

const lineBreak = 0x0a;

/** The most octets that an entry has besides its event. */
const aroundEvent = 256;

function roomFor(batch: readonly { readonly event: string }[]): number {
  let octets = 1;
  for (const { event } of batch) octets += Buffer.byteLength(event) + aroundEvent;
  return octets;
}

/** Writes entries to the segments of a log. A batch is kept whole or not at all. */
export class SegmentWriter implements Disposable {
  private readonly folder: string;
  private readonly disk: Disk;
  private readonly segmentEntries: number;
  private file: number | null = null;
  private bytes = 0;
  private entries = 0;
  /** Whether octets of a failed batch may stand behind the last entry. */
  private leftover = false;
  /** Whether the folder holds the file's name durably. */
  private named = true;
  private link: string;
  private frontier: Frontier;
  /** How many entries the log has. */
  size: number;

  constructor(folder: string, end: LogEnd, disk: Disk, segmentEntries: number) {
    this.folder = folder;
    this.disk = disk;
    this.segmentEntries = segmentEntries;
    this.size = end.size;
    this.link = end.link;
    this.frontier = end.frontier;
    if (end.segment) {
      this.file = disk.open(end.segment.path, 'existing');
      this.bytes = end.segment.bytes;
      this.entries = end.segment.entries;
    }
  }

  root(): Uint8Array {
    return this.frontier.root();
  }

  /** Writes a batch and waits until it is on the disk; gives the index of its first entry. */
  async write(batch: readonly { readonly event: string; readonly time: number }[]): Promise<number> {
    const file = await this.fileForBatch();
    const first = this.size;
    let { link } = this;
    const frontier = this.frontier.copy();
    const octets = Buffer.allocUnsafe(roomFor(batch));
    let end = 1;
    let now = { time: Number.NaN, text: '' };
    let index = first;
    for (const { event, time } of batch) {
      // Entries that come together mostly came in the same millisecond.
      if (time !== now.time) now = { time, text: entryTime(time) };
      const before = end - 1;
      end += octets.write(entryLine(index++, now.text, link, event), end, 'utf8');
      // The line is hashed where it stands: for that moment the line break before it is the octet of a leaf.
      octets[before] = leafOctet;
      const leaf = sha256(octets.subarray(before, end));
      octets[before] = lineBreak;
      octets[end++] = lineBreak;
      link = linkOf(leaf);
      frontier.append(leaf);
    }
    const bytes = octets.subarray(1, end);
    try {
      if (!this.disk.linked(file)) throw new Error('the log file was removed');
      if (this.leftover) this.disk.truncate(file, this.bytes);
      this.leftover = true;
      this.disk.write(file, bytes, this.bytes);
      await this.disk.sync(file);
      this.leftover = false;
    } catch (error) {
      if (this.leftover) this.takeBack(file);
      throw error;
    }
    this.bytes += bytes.length;
    this.entries += batch.length;
    this.size += batch.length;
    this.link = link;
    this.frontier = frontier;
    return first;
  }

  [Symbol.dispose](): void {
    if (this.file !== null) this.disk.close(this.file);
    this.file = null;
  }

  private async fileForBatch(): Promise<number> {
    if (this.file !== null && this.entries >= this.segmentEntries) await this.endSegment(this.file);
    this.file ??= this.beginSegment();
    if (!this.named) await syncFolder(this.folder);
    this.named = true;
    return this.file;
  }

  private async endSegment(file: number): Promise<void> {
    const kept = frontierText(this.size, this.link, this.frontier);
    await writeDurably(join(this.folder, logFiles.frontier), kept);
    this.file = null;
    this.disk.close(file);
  }

  private beginSegment(): number {
    const file = this.disk.open(join(this.folder, segmentName(this.size)), 'create');
    this.bytes = 0;
    this.entries = 0;
    this.named = false;
    return file;
  }

  /** Removes what a failed write left, so that no entry stands that was reported as refused. */
  private takeBack(file: number): void {
    try {
      this.disk.truncate(file, this.bytes);
      this.leftover = false;
    } catch {
      // Tried again before the next batch; a crash before that is settled by recovery.
    }
  }
}
