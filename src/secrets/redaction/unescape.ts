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

/** Where the view and its input part ways: for each escape where it begins and ends in the input, then in the view. */
class Tokens {
  count = 0;
  private places = new Int32Array(256);

  add(from: number, width: number, at: number, size: number): void {
    const start = this.count * 4;
    if (start === this.places.length) {
      const more = new Int32Array(2 * start);
      more.set(this.places);
      this.places = more;
    }
    this.places[start] = from;
    this.places[start + 1] = from + width;
    this.places[start + 2] = at;
    this.places[start + 3] = at + size;
    this.count += 1;
  }

  /** The last one that begins at or before a place of the input, or null. */
  lastFrom(place: number): Token | null {
    return this.last(place, 0);
  }

  /** The last one that begins at or before a position of the view, or null. */
  lastAt(position: number): Token | null {
    return this.last(position, 2);
  }

  private last(number: number, column: number): Token | null {
    const { places } = this;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((places[4 * middle + column] as number) <= number) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    const [from = 0, end = 0, at = 0, after = 0] = places.subarray(4 * low - 4, 4 * low);
    return { from, end, at, after };
  }
}

interface Token {
  readonly from: number;
  readonly end: number;
  readonly at: number;
  readonly after: number;
}

function unescaped(octets: Uint8Array, decided: number, tokens: Tokens): Unescaped {
  return {
    octets,
    decided,
    startOf(position) {
      const last = tokens.lastAt(position);
      if (!last) return position;
      return position < last.after ? last.from : last.end + position - last.after;
    },
    endOf(position) {
      if (position === 0) return 0;
      const last = tokens.lastAt(position - 1);
      if (!last) return position;
      return position - 1 < last.after ? last.end : last.end + position - last.after;
    },
    up(place) {
      const last = tokens.lastFrom(place);
      if (!last) return place;
      return place < last.end ? last.at : last.after + place - last.end;
    },
    floor(place) {
      const last = tokens.lastFrom(place);
      return last && place < last.end ? last.from : place;
    },
    ceil(place) {
      const last = tokens.lastFrom(place);
      return last && last.from < place && place < last.end ? last.end : place;
    },
  };
}
