import type { KeyObject } from 'node:crypto';
import { equalBytes, toBase64 } from '../kernel/bytes.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type Entry, entryLine, genesis, leafHash, linkOf, maximumLineOctets, readEntry } from './entry.ts';
import { Frontier } from './merkle.ts';
import type { Line } from './read-lines.ts';
import { type Segment, segmentName } from './segment.ts';
import { readCheckpointOf, type StoredNote } from './stored-checkpoints.ts';

/** The first place where a log does not hold. */
export interface Broken {
  /** The entry concerned; when a signature or a root does not fit, the first entry that is not proven any more. */
  readonly index: number;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly reason: string;
}

/** A line of a log with the file it stands in; an empty file has one without a line. */
export interface LogLine {
  readonly segment: Segment;
  readonly line: Line | null;
}

interface Place {
  readonly file: string;
  readonly line: number;
}

interface Due {
  readonly checkpoint: Checkpoint;
  readonly from: StoredNote;
}

/** Follows a log from its first entry on and says where it breaks first. */
export class LogWalk {
  private readonly origin: string;
  private readonly publicKey: KeyObject;
  private readonly history: AsyncGenerator<StoredNote>;
  private readonly frontier = new Frontier();
  private link: string;
  private size = 0;
  /** Where the last entry stands, and the first that no checkpoint proves. */
  private at: Place = { file: segmentName(0), line: 0 };
  private unproven: Place = { file: segmentName(0), line: 1 };
  private proven = 0;
  private fitting = 0;
  private torn: (Place & { readonly octets: number }) | null = null;
  /** Checkpoints that are not of the history, until they are reached. */
  private readonly expected: Due[] = [];
  /** The next checkpoint of the history; undefined before it was read, null at its end. */
  private due: Due | null | undefined;
  private failedRoot: Broken | null = null;

  constructor(log: {
    readonly origin: string;
    readonly publicKey: KeyObject;
    readonly history: AsyncGenerator<StoredNote>;
  }) {
    this.origin = log.origin;
    this.publicKey = log.publicKey;
    this.history = log.history;
    this.link = genesis(log.origin);
  }

  /** Adds a checkpoint that must be reached. */
  expect(note: StoredNote): Broken | null {
    const due = this.read(note);
    if ('reason' in due) return due;
    this.expected.push(due);
    return null;
  }

  /** Takes the next line; the one after it helps to tell which of two entries was changed. */
  async take({ segment, line }: LogLine, next: LogLine | null): Promise<Broken | null> {
    if (line === null || line.number === 1) {
      if (segment.first !== this.size) return this.gap(segment);
      if (line === null) return null;
    }
    const place = { file: segment.name, line: line.number };
    // What is longer than an entry may be was not left by a crash.
    if (!line.whole && next === null && line.octets <= maximumLineOctets) {
      this.torn = { ...place, octets: line.octets };
      return null;
    }
    if (line.text === null) {
      return { index: this.size, ...place, reason: 'the line is not UTF-8, or longer than an entry may be' };
    }
    if (!line.whole) return { index: this.size, ...place, reason: 'the entry is cut off' };
    const entry = parse(line.text);
    if (typeof entry === 'string') return { index: this.size, ...place, reason: entry };
    const broken = this.misplaced(entry, place) ?? this.unlinked(entry, place, next) ?? this.failedRoot;
    if (broken) return broken;
    const leaf = leafHash(line.text);
    this.frontier.append(leaf);
    this.link = linkOf(leaf);
    this.size += 1;
    this.at = place;
    return await this.reach();
  }

  /** Takes the leaf of an entry that retention has removed: what is left of it proves the rest. */
  async takeRemoved(leaf: Uint8Array, { file, line }: Place): Promise<Broken | null> {
    if (this.failedRoot) return this.failedRoot;
    this.frontier.append(leaf);
    this.link = linkOf(leaf);
    this.size += 1;
    this.at = { file, line };
    return await this.reach();
  }

  /** The end of the entries: no checkpoint may speak of more. */
  async end(): Promise<Broken | null> {
    if (this.failedRoot) return this.failedRoot;
    if (this.size === 0) {
      const broken = await this.reach();
      if (broken) return broken;
    }
    const ahead = [...this.expected, ...(this.due ? [this.due] : [])].find(
      ({ checkpoint }) => checkpoint.size > this.size,
    );
    if (!ahead) return null;
    const what = this.torn ? 'is cut off' : 'is missing';
    const place = { file: this.at.file, line: this.at.line + 1 };
    const reason = `the entry ${what}, though a checkpoint over ${ahead.checkpoint.size} entries was signed`;
    return { index: this.size, ...(this.torn ? placeOf(this.torn) : place), reason };
  }

  result(broken: Broken | null): {
    entries: number;
    root: string;
    checkpoints: number;
    checkpointSize: number;
    torn: (Place & { readonly octets: number }) | null;
  } {
    return {
      entries: broken ? Math.min(this.size, broken.index) : this.size,
      root: toBase64(this.frontier.root()),
      checkpoints: this.fitting,
      checkpointSize: this.proven,
      torn: broken ? null : this.torn,
    };
  }

  private gap(segment: Segment): Broken {
    if (segment.first < this.size) {
      const reason = `the file should begin with entry ${segment.first}, which was read already`;
      return { index: this.size, file: segment.name, line: 1, reason };
    }
    const reason = `the entry is missing; the next file begins with entry ${segment.first}`;
    const cut = this.at.line > 0 ? { file: this.at.file, line: this.at.line + 1 } : null;
    return { index: this.size, ...(cut ?? { file: segmentName(this.size), line: 1 }), reason };
  }

  private misplaced(entry: Entry, place: Place): Broken | null {
    if (entry.index === this.size) return null;
    // The second of two entries with one index does not link to the first; an altered index leaves the link right.
    if (entry.index === this.size - 1 && entry.previous !== this.link) {
      return { index: entry.index, ...place, reason: `entry ${entry.index} stands here a second time` };
    }
    return { index: this.size, ...place, reason: `entry ${entry.index} stands where this one should` };
  }

  private unlinked(entry: Entry, place: Place, next: LogLine | null): Broken | null {
    if (entry.previous === this.link) return null;
    const own = { index: this.size, ...place };
    if (this.size === 0) return { ...own, reason: `it is not the first entry of the log ${this.origin}` };
    if (this.ownLinkWasChanged(entry, next)) {
      return { ...own, reason: 'its link is not the hash of the entry before' };
    }
    return { index: this.size - 1, ...this.at, reason: 'its hash is not what the next entry says' };
  }

  /** When two neighbours do not fit: whether the later one was changed or put there, rather than the earlier. */
  private ownLinkWasChanged(entry: Entry, next: LogLine | null): boolean {
    if (this.proven === this.size) return true;
    const repaired = entryLine(entry.index, entry.time, this.link, canonicalJson(entry.event));
    const leaf = leafHash(repaired);
    const after = parse(next?.line?.text ?? '');
    if (typeof after !== 'string') {
      return after.previous === linkOf(leaf) || after.previous === this.link;
    }
    const frontier = this.frontier.copy();
    frontier.append(leaf);
    const root = frontier.root();
    return this.expected.some(
      ({ checkpoint }) => checkpoint.size === this.size + 1 && equalBytes(checkpoint.root, root),
    );
  }

  /** Compares the root with every checkpoint over as many entries as were read. */
  private async reach(): Promise<Broken | null> {
    const reached = this.expected.filter(({ checkpoint }) => checkpoint.size === this.size);
    if (this.due === undefined) {
      const broken = await this.advance();
      if (broken) return broken;
    }
    while (this.due && this.due.checkpoint.size <= this.size) {
      if (this.due.checkpoint.size < this.size) return this.unprovenFrom(this.due.from, 'is out of order');
      reached.push(this.due);
      const broken = await this.advance();
      if (broken) return broken;
    }
    const root = reached.length === 0 ? null : this.frontier.root();
    for (const { checkpoint } of reached) {
      if (root && !equalBytes(root, checkpoint.root)) {
        // Kept until the next entry was looked at: its link may tell which entry it was.
        this.failedRoot = this.rootMismatch();
        return null;
      }
    }
    if (reached.length === 0) return null;
    this.fitting += 1;
    this.proven = this.size;
    this.unproven = { file: this.at.file, line: this.at.line + 1 };
    return null;
  }

  private rootMismatch(): Broken {
    const range =
      this.proven === this.size - 1 ? 'it does' : `the entries ${this.proven} to ${this.size - 1} do`;
    const reason = `${range} not give the root that the checkpoint over ${this.size} entries signs`;
    return { index: this.proven, ...this.unproven, reason };
  }

  private async advance(): Promise<Broken | null> {
    const { value } = (await this.history.next()) as { value: StoredNote | undefined };
    const due = value ? this.read(value) : null;
    if (due && 'reason' in due) return due;
    this.due = due;
    return null;
  }

  private read(from: StoredNote): Due | Broken {
    try {
      return { checkpoint: readCheckpointOf(from.note, this.origin, this.publicKey), from };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { index: this.proven, file: from.file, line: from.line, reason: error.message };
    }
  }

  private unprovenFrom(from: StoredNote, what: string): Broken {
    return { index: this.proven, file: from.file, line: from.line, reason: `the checkpoint ${what}` };
  }
}

function placeOf({ file, line }: Place): Place {
  return { file, line };
}

function parse(text: string): Entry | string {
  try {
    return readEntry(text);
  } catch (error) {
    return errorText(error);
  }
}
