import { concat } from '../kernel/bytes.ts';

/** Passes an event stream on, and holds back an event from where it may have to be changed until it is whole. */
export interface EventHold {
  /**
   * What may be passed on now that a piece has come; most often the piece itself. What is held when the stream ends is
   * half an event, which is none (HTML §9.2.6).
   */
  push(piece: Uint8Array): Uint8Array;
}

/** Octets of the piece before in which a name may begin that ends in this one. */
const seam = 32;
const nothing = new Uint8Array();

/**
 * `mentions` tells whether octets name something that has to be changed; what is changed stands after its name.
 * `change` takes whole events. Pieces that mention nothing are passed on as they come; the event that they are part of
 * is remembered until it ends, because what it means to mention something can only be told from its beginning.
 */
export function createEventHold(
  mentions: (octets: Uint8Array) => boolean,
  change: (events: Uint8Array) => Uint8Array,
): EventHold {
  /** The event that has not ended. */
  let event: Uint8Array[] = [];
  let passed = 0;
  let holding = false;

  /** The position in a piece after the last event that ends in it, or 0. */
  const endIn = (piece: Uint8Array): number => {
    const end = endOfEvents(piece);
    const before = event.at(-1)?.at(-1);
    return end === 0 && before !== undefined && isBlankLine(before, piece[0]) ? 1 : end;
  };
  const mentioned = (piece: Uint8Array): boolean => {
    if (mentions(piece)) return true;
    const before = event.at(-1);
    if (!before) return false;
    return mentions(concat([lastOf(event, seam), piece.subarray(0, seam)]));
  };
  const remember = (piece: Uint8Array): void => {
    const end = endIn(piece);
    event = end === 0 ? [...event, piece] : [piece.subarray(end)];
    if (event[0]?.length === 0) event = [];
    passed = event.reduce((octets, { length }) => octets + length, 0);
  };
  const settle = (piece: Uint8Array): Uint8Array => {
    holding = true;
    if (endIn(piece) === 0) {
      event.push(piece);
      return nothing;
    }
    const all = concat([...event, piece]);
    const end = endOfEvents(all);
    const changed = change(all.subarray(0, end)).subarray(passed);
    const begun = all.subarray(end);
    holding = mentions(begun);
    event = begun.length === 0 ? [] : [begun];
    passed = holding ? 0 : begun.length;
    return holding ? changed : concat([changed, begun]);
  };

  return {
    push(piece) {
      if (piece.length === 0) return piece;
      if (holding || mentioned(piece)) return settle(piece);
      remember(piece);
      return piece;
    },
  };
}

/** The last octets of what came in pieces. */
function lastOf(pieces: readonly Uint8Array[], most: number): Uint8Array {
  const last: Uint8Array[] = [];
  let size = 0;
  for (let at = pieces.length - 1; at >= 0 && size < most; at--) {
    const piece = pieces[at]?.subarray(-(most - size)) ?? nothing;
    last.unshift(piece);
    size += piece.length;
  }
  return concat(last);
}

/** The position after the last blank line, or 0 when no event ends here (HTML §9.2.5: a line ends with CR LF, LF or CR). */
function endOfEvents(octets: Uint8Array): number {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const last = Math.max(...blankLines.map((line) => text.lastIndexOf(line)));
  return last === -1 ? 0 : last + 2;
}

const blankLines = ['\n\n', '\r\r', '\n\r'].map((line) => Buffer.from(line));

function isBlankLine(first: number, second: number | undefined): boolean {
  return (first === 0x0a && (second === 0x0a || second === 0x0d)) || (first === 0x0d && second === 0x0d);
}
