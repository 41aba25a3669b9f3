import { concat } from '../../kernel/bytes.ts';
import { JsonReader } from './json-reader.ts';
import type { Piece } from './octet-stream.ts';

/** Replaces what was found by a mark. One cutter is for one text, whose pieces it is given in order. */
export interface Cutter {
  cut(piece: Piece): Uint8Array;
  /** Marks that were set so far. */
  readonly marks: number;
}

export const mark = '[secret]';
const markOctets = Buffer.from(mark);

/** For text of no form: every span is one mark. */
export class TextCutter implements Cutter {
  marks = 0;
  /** Whether the last octet given out ended a mark. */
  private marked = false;

  cut({ octets, spans }: Piece): Uint8Array {
    if (octets.length === 0) return octets;
    if (spans.length === 0) {
      this.marked = false;
      return octets;
    }
    const out: Uint8Array[] = [];
    let at = 0;
    for (const { start, end } of spans) {
      if (start > at) {
        out.push(octets.subarray(at, start));
        this.marked = false;
      }
      // A long secret is found by pieces: one that goes on has its mark already.
      if (!this.marked) {
        out.push(markOctets);
        this.marks += 1;
      }
      this.marked = true;
      at = end;
    }
    if (at < octets.length) {
      out.push(octets.subarray(at));
      this.marked = false;
    }
    return concat(out);
  }
}

/**
 * For JSON and event streams of it: strings and their quotes, punctuation and lines stay what they were, so that what is
 * left can be read. A number that gives a secret away becomes 1, since no word may stand in its place.
 */
export class JsonCutter implements Cutter {
  marks = 0;
  private readonly reader = new JsonReader();
  private marked = false;
  /** Passed on and not read yet: only whoever cuts has to know where strings begin. */
  private unread: Uint8Array[] = [];
  private unreadOctets = 0;

  cut({ octets, spans }: Piece): Uint8Array {
    if (spans.length === 0) {
      if (octets.length > 0) this.marked = false;
      this.leaveUnread(octets);
      return octets;
    }
    this.readUp();
    const out: Uint8Array[] = [];
    let at = 0;
    for (const { start, end } of spans) {
      const before = octets.subarray(at, start);
      if (before.length > 0) {
        this.reader.read(before);
        this.marked = false;
        out.push(before);
      }
      this.replace(octets.subarray(start, end), out);
      at = end;
    }
    const rest = octets.subarray(at);
    if (rest.length > 0) {
      this.marked = false;
      out.push(rest);
      this.leaveUnread(rest);
    }
    return concat(out);
  }

  private replace(span: Uint8Array, out: Uint8Array[]): void {
    let at = 0;
    while (at < span.length) {
      const kept = this.reader.structureAt(span, at);
      if (kept > 0) {
        out.push(span.subarray(at, at + kept));
        this.marked = false;
      } else {
        const run = span.subarray(at, this.reader.endOfRun(span, at));
        this.mark(out, !this.reader.inString && isNumber(run));
      }
      const end = kept > 0 ? at + kept : this.reader.endOfRun(span, at);
      this.reader.read(span.subarray(at, end));
      at = end;
    }
  }

  private mark(out: Uint8Array[], asNumber: boolean): void {
    // A long secret is found by pieces: one that goes on has its mark already.
    if (this.marked && !asNumber) return;
    out.push(asNumber ? one : markOctets);
    this.marks += 1;
    this.marked = !asNumber;
  }

  private leaveUnread(octets: Uint8Array): void {
    if (endsEvent(octets)) {
      // The next event begins anew, whatever was in this one.
      this.unread = [];
      this.unreadOctets = 0;
    }
    this.unread.push(octets);
    this.unreadOctets += octets.length;
    if (this.unreadOctets > mostUnread) this.readUp();
  }

  private readUp(): void {
    for (const octets of this.unread) this.reader.read(octets);
    this.unread = [];
    this.unreadOctets = 0;
  }
}

const mostUnread = 4 * 1024 * 1024;
const one = Buffer.from('1');

function endsEvent(octets: Uint8Array): boolean {
  const last = octets.at(-1);
  return (last === 0x0a || last === 0x0d) && octets.length > 1;
}

function isNumber(run: Uint8Array): boolean {
  return /^[-+.0-9eE]+$/.test(Buffer.from(run).toString('latin1'));
}
