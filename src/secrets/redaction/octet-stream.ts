import { concat } from '../../kernel/bytes.ts';
import type { Found, Span } from './find-known.ts';

/** Octets with spans to be cut out of them. */
export interface Piece {
  readonly octets: Uint8Array;
  readonly spans: readonly Span[];
}

/**
 * Cuts a stream so that what is found in its pieces is what would be found in the whole. Held back is only what may be
 * the beginning of something; a blank line lets everything before it go, because nothing is matched across one.
 */
export class OctetStream {
  private held: Uint8Array = nothing;
  private readonly find: (octets: Uint8Array, final: boolean) => Found;

  constructor(find: (octets: Uint8Array, final: boolean) => Found) {
    this.find = find;
  }

  push(chunk: Uint8Array): readonly Piece[] {
    if (chunk.length === 0) return [];
    const octets = this.held.length === 0 ? chunk : concat([this.held, chunk]);
    const wall = endOfLastBlankLine(octets);
    const pieces: Piece[] = [];
    if (wall > 0) {
      const before = octets.subarray(0, wall);
      pieces.push({ octets: before, spans: this.find(before, true).spans });
    }
    const rest = octets.subarray(wall);
    const { spans, decided } = this.find(rest, false);
    // What hides a secret in more than this is no form of it.
    const end = rest.length - decided > mostHeld ? rest.length : decided;
    this.held = end === rest.length ? nothing : rest.slice(end);
    if (end > 0)
      pieces.push({ octets: rest.subarray(0, end), spans: spans.filter((span) => span.end <= end) });
    return pieces;
  }

  end(): readonly Piece[] {
    const { held } = this;
    this.held = nothing;
    return held.length === 0 ? [] : [{ octets: held, spans: this.find(held, true).spans }];
  }
}

const nothing = new Uint8Array();
const mostHeld = 64 * 1024;

const blankLines = ['\n\n', '\r\r', '\n\r'].map((line) => Buffer.from(line));

/** The position after the last blank line, or 0. */
function endOfLastBlankLine(octets: Uint8Array): number {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const last = Math.max(...blankLines.map((line) => text.lastIndexOf(line)));
  return last === -1 ? 0 : last + 2;
}
