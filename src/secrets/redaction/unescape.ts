import { type Escape, readEscape, longestEscape } from './escapes.ts';

/**
 * What octets say once one layer of escapes is read: JSON, percent, HTML and C escapes become what they stand for, single
 * line breaks vanish, and a blank line stays a wall that nothing is matched across. It knows where each octet came from.
 */
export interface Unescaped {
  readonly octets: Uint8Array;
  /** The input up to here has been read; the rest may be half an escape. */
  readonly decided: number;
  /** Where the octet at a position of the view begins in the input. */
  startOf(position: number): number;
  /** Where the octets of the view before a position end in the input. */
  endOf(position: number): number;
  /** The position of the view that a place of the input comes to; one inside an escape to where that begins. */
  up(place: number): number;
  /** The last place of the input at or before the given one that is inside no escape. */
  floor(place: number): number;
  /** The first place of the input at or after the given one that is inside no escape. */
  ceil(place: number): number;
}

/** Reads one layer; null where there is nothing to read. `final`: nothing comes after these octets. */
export function unescapeOnce(input: Uint8Array, final: boolean): Unescaped | null {
  const first = firstSpecial(input);
  if (first === input.length) return null;
  const view = new Uint8Array(input.length);
  const tokens = new Tokens();
  const escape: Escape = { width: 0, octets: [] };
  view.set(input.subarray(0, first));
  let size = first;
  let at = first;
  for (const { length } = input; at < length; ) {
    const octet = input[at] as number;
    if (special[octet] === 0) {
      view[size++] = octet;
      at += 1;
      continue;
    }
    if (!final && at + longestEscape > length) break;
    if (!readEscape(input, at, escape)) {
      view[size++] = octet;
      at += 1;
      continue;
    }
    const { width, octets } = escape;
    tokens.add(at, width, size, octets.length);
    for (let index = 0; index < octets.length; index++) view[size++] = octets[index] as number;
    at += width;
  }
  if (tokens.count === 0 && at === input.length) return null;
  return unescaped(view.subarray(0, size), at, tokens);
}

/** The octets an escape begins with: line breaks, %, & and the backslash. */
const special = new Uint8Array(256);
for (const octet of [0x0a, 0x0d, 0x25, 0x26, 0x5c]) special[octet] = 1;

function firstSpecial(input: Uint8Array): number {
  let at = 0;
  while (at < input.length && special[input[at] as number] === 0) at++;
  return at;
}

/** Where the view and its input part ways. */
class Tokens {
  /** In the input: where each begins, and its octets. */
  readonly from: number[] = [];
  readonly width: number[] = [];
  /** In the view. */
  readonly at: number[] = [];
  readonly size: number[] = [];

  get count(): number {
    return this.from.length;
  }

  add(from: number, width: number, at: number, size: number): void {
    this.from.push(from);
    this.width.push(width);
    this.at.push(at);
    this.size.push(size);
  }
}

/** The last entry that is not greater than a number, or -1. */
function lastUpTo(sorted: readonly number[], number: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= number) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function unescaped(octets: Uint8Array, decided: number, tokens: Tokens): Unescaped {
  const { from, width, at, size } = tokens;
  const token = (index: number): { from: number; end: number; at: number; after: number } => ({
    from: from[index] as number,
    end: (from[index] as number) + (width[index] as number),
    at: at[index] as number,
    after: (at[index] as number) + (size[index] as number),
  });
  const startOf = (position: number): number => {
    const index = lastUpTo(at, position);
    if (index === -1) return position;
    const last = token(index);
    return position < last.after ? last.from : last.end + position - last.after;
  };
  return {
    octets,
    decided,
    startOf,
    endOf(position) {
      if (position === 0) return 0;
      const index = lastUpTo(at, position - 1);
      if (index === -1) return position;
      const last = token(index);
      return position - 1 < last.after ? last.end : last.end + position - last.after;
    },
    up(place) {
      const index = lastUpTo(from, place);
      if (index === -1) return place;
      const last = token(index);
      return place < last.end ? last.at : last.after + place - last.end;
    },
    floor(place) {
      const index = lastUpTo(from, place);
      if (index === -1) return place;
      const last = token(index);
      return place < last.end ? last.from : place;
    },
    ceil(place) {
      const index = lastUpTo(from, place);
      if (index === -1) return place;
      const last = token(index);
      return last.from < place && place < last.end ? last.end : place;
    },
  };
}
