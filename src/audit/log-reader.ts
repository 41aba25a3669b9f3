import type { KeyObject } from 'node:crypto';
import { toBase64 } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { type Entry, entryTime, readEntry } from './entry.ts';
import { LogBlocks } from './log-blocks.ts';
import { consistencyRanges, siblingRanges, verifyConsistency } from './merkle.ts';
import { linesFrom } from './placed-lines.ts';
import { type EntryProof, verifyProof } from './prove.ts';
import { removedText } from './removed.ts';

/** A signed checkpoint, as text and as read. */
export interface SignedHead {
  readonly note: string;
  readonly checkpoint: Checkpoint;
}

/** Consecutive lines of a log. */
export interface LogPage {
  readonly lines: readonly string[];
  /** How many entries the log has from its beginning to the last of these. */
  readonly end: number;
}

/** How much one page may hold; one line is always in it. */
const pageOctets = 4 * 1024 * 1024;
const pageLines = 4_096;
/** How far from the time that is looked at an entry may stand, in milliseconds: clocks step, and signing takes time. */
const slackMilliseconds = 10 * 60_000;

/** Gives others what they need to verify a log that this process writes: heads, pages and proofs. */
export class LogReader {
  readonly origin: string;
  readonly publicKey: KeyObject;
  private readonly folder: string;
  private readonly sign: () => Promise<string>;
  private readonly blocks: LogBlocks;

  /** `sign` signs the present state and gives the note. */
  constructor(log: {
    readonly folder: string;
    readonly origin: string;
    readonly publicKey: KeyObject;
    readonly sign: () => Promise<string>;
  }) {
    this.folder = log.folder;
    this.origin = log.origin;
    this.publicKey = log.publicKey;
    this.sign = log.sign;
    this.blocks = new LogBlocks(log.folder);
  }

  /** The state of now, signed. Throws Fault `audit_unwritable`. */
  async head(): Promise<SignedHead> {
    const note = await this.sign();
    const checkpoint = readCheckpoint(note, this.publicKey);
    await this.blocks.extend(checkpoint.size);
    return { note, checkpoint };
  }

  /** The lines from an entry on, as many as fit a page and lie below the size. */
  async page(from: number, size: number): Promise<LogPage> {
    const lines: string[] = [];
    let octets = 0;
    if (from < size) {
      for await (const { line, place } of linesFrom(this.folder, this.blocks.placeBefore(from))) {
        if (place.index < from) continue;
        if (lines.length === 0 && place.index > from) throw new Fault('not_found', removedText(from));
        octets += Buffer.byteLength(line);
        if (lines.length > 0 && octets > pageOctets) break;
        lines.push(line);
        if (lines.length === pageLines || place.index + 1 === size) break;
      }
    }
    return { lines, end: from + lines.length };
  }

  /** Shows that the head goes on from a smaller tree of this log, base64. */
  async consistency(smaller: number, head: SignedHead): Promise<readonly string[]> {
    const { size } = head.checkpoint;
    if (smaller === 0 || smaller === size) return [];
    if (smaller > size) {
      throw new Fault('not_found', `The log has ${size} entries, fewer than ${smaller}.`);
    }
    return await this.withBlocks(head, async () => {
      const path = await this.blocks.rootsOf(consistencyRanges(smaller, size));
      const [root = new Uint8Array()] = await this.blocks.rootsOf([{ from: 0, to: smaller }]);
      return verifyConsistency({ size: smaller, root }, head.checkpoint, path) ? path.map(toBase64) : null;
    });
  }

  /** Proves an entry under the head. Throws Fault `not_found`, `audit_broken`. */
  async prove(index: number, head: SignedHead): Promise<EntryProof> {
    const { size } = head.checkpoint;
    const { lines } = await this.page(index, size);
    const [entry] = lines;
    if (entry === undefined) throw new Fault('not_found', `The log has no entry ${index}.`);
    return await this.withBlocks(head, async () => {
      const path = (await this.blocks.rootsOf(siblingRanges(index, size))).map(toBase64);
      const proof = { index, entry, checkpoint: head.note, path };
      return holds(() => verifyProof(proof, this.publicKey)) ? proof : null;
    });
  }

  /** The first entry that is wanted and was written around that time, in epoch milliseconds, or null. */
  async find(around: number, text: string, wanted: (entry: Entry) => boolean): Promise<Entry | null> {
    const last = entryTime(around + slackMilliseconds);
    const start = this.blocks.placeBeforeTime(entryTime(around - slackMilliseconds));
    for await (const { line } of linesFrom(this.folder, start)) {
      // Reading every line as an entry would cost ten times as much.
      if (line.includes(text)) {
        const entry = readEntry(line);
        if (wanted(entry)) return entry;
      }
      if (line.slice(-timeOctets, -2) > last) return null;
    }
    return null;
  }

  /** What the shortcut gives is compared with the signed root; when it does not fit, it is made anew once. */
  private async withBlocks<Value>(head: SignedHead, make: () => Promise<Value | null>): Promise<Value> {
    const first = await make();
    if (first !== null) return first;
    await this.blocks.forget();
    await this.blocks.extend(head.checkpoint.size);
    const second = await make();
    if (second !== null) return second;
    throw new Fault(
      'audit_broken',
      `The entries do not give the root that the checkpoint signs. Run: countersign audit verify ${this.folder}`,
    );
  }
}

/** `2026-11-24T10:00:00.000Z"}`: the end of every line (`entryLine`). */
const timeOctets = 26;

function holds(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}
