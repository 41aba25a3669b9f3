/** What an escape takes and gives; one object is filled again and again. */
export interface Escape {
  /** Octets of the input. */
  width: number;
  /** What they stand for; empty for a line break. */
  octets: readonly number[];
}

/** Octets of the longest escape: two \uXXXX of a surrogate pair; no number of HTML is read beyond this either. */
export const longestEscape = 12;

/** Stands for a blank line. It is part of no UTF-8, so that nothing learnt can be matched across it. */
const wall: readonly number[] = [0xff];
const nothing: readonly number[] = [];

/** Reads the escape at a position; false where there is none. */
export function readEscape(input: Uint8Array, at: number, escape: Escape): boolean {
  switch (input[at]) {
    case 0x0a:
    case 0x0d:
      return readLineBreak(input, at, escape);
    case 0x25:
      return fill(escape, 3, hexAt(input, at + 1, 2));
    case 0x26:
      return readEntity(input, at, escape);
    default:
      return readBackslash(input, at, escape);
  }
}

function readLineBreak(input: Uint8Array, at: number, escape: Escape): boolean {
  const first = lineBreakAt(input, at);
  const second = lineBreakAt(input, at + first);
  escape.width = first + second;
  escape.octets = second === 0 ? nothing : wall;
  return true;
}

function lineBreakAt(input: Uint8Array, at: number): number {
  if (input[at] === 0x0a) return 1;
  if (input[at] !== 0x0d) return 0;
  return input[at + 1] === 0x0a ? 2 : 1;
}

/** What one letter after a backslash stands for; -1 for nothing. */
const letters = new Int16Array(256).fill(-1);
for (const [letter, octet] of Object.entries({
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  b: 0x08,
  f: 0x0c,
  '"': 0x22,
  "'": 0x27,
  '/': 0x2f,
  '\\': 0x5c,
})) {
  letters[letter.charCodeAt(0)] = octet;
}

function readBackslash(input: Uint8Array, at: number, escape: Escape): boolean {
  const next = input[at + 1];
  if (next === undefined) return false;
  if (next === 0x78) return fill(escape, 4, hexAt(input, at + 2, 2));
  if (next === 0x75) return readUnit(input, at, escape);
  return fill(escape, 2, letters[next] as number);
}

/** \uXXXX, with the low half of a pair behind it (RFC 8259 §7), and \u{X…}. */
function readUnit(input: Uint8Array, at: number, escape: Escape): boolean {
  if (input[at + 2] === 0x7b) {
    const close = input.indexOf(0x7d, at + 3);
    if (close === -1 || close - at >= longestEscape) return false;
    return fillPoint(escape, close + 1 - at, hexAt(input, at + 3, close - at - 3));
  }
  const high = hexAt(input, at + 2, 4);
  if (high === -1) return false;
  const isHigh = high >= 0xd800 && high < 0xdc00;
  if (isHigh && input[at + 6] === 0x5c && input[at + 7] === 0x75) {
    const low = hexAt(input, at + 8, 4);
    if (low >= 0xdc00 && low < 0xe000) {
      return fillPoint(escape, 12, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
    }
  }
  return fillPoint(escape, 6, high);
}

/** The names of HTML for what is neither letter nor digit (HTML Living Standard §13.5). */
const entities: ReadonlyMap<string, number> = new Map(
  Object.entries({
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    excl: '!',
    num: '#',
    dollar: '$',
    percnt: '%',
    lpar: '(',
    rpar: ')',
    ast: '*',
    plus: '+',
    comma: ',',
    period: '.',
    sol: '/',
    colon: ':',
    semi: ';',
    equals: '=',
    quest: '?',
    commat: '@',
    lsqb: '[',
    lbrack: '[',
    bsol: '\\',
    rsqb: ']',
    rbrack: ']',
    hat: '^',
    lowbar: '_',
    grave: '`',
    lcub: '{',
    lbrace: '{',
    verbar: '|',
    vert: '|',
    rcub: '}',
    rbrace: '}',
    tilde: '~',
    AMP: '&',
    LT: '<',
    GT: '>',
    QUOT: '"',
    Tab: '\t',
    NewLine: '\n',
  }).map(([name, character]) => [name, character.charCodeAt(0)]),
);

function readEntity(input: Uint8Array, at: number, escape: Escape): boolean {
  let end = at + 1;
  while (end < at + longestEscape && input[end] !== 0x3b) end++;
  if (input[end] !== 0x3b || end >= at + longestEscape) return false;
  const name = String.fromCharCode(...input.subarray(at + 1, end));
  const number = /^#(?:[xX]([0-9a-fA-F]+)|([0-9]+))$/.exec(name);
  const point = number
    ? Number.parseInt(number[1] ?? number[2] ?? '', number[1] === undefined ? 10 : 16)
    : entities.get(name);
  return point !== undefined && fillPoint(escape, end + 1 - at, point);
}

function hexAt(input: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let index = at; index < at + digits; index++) {
    const digit = hexDigit(input[index]);
    if (digit === -1) return -1;
    value = value * 16 + digit;
  }
  return digits === 0 ? -1 : value;
}

function hexDigit(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function fillPoint(escape: Escape, width: number, point: number): boolean {
  if (point < 0x80) return fill(escape, width, point);
  if (point > 0x10ffff) return false;
  escape.width = width;
  // A lone half of a pair becomes U+FFFD, as it does in whatever was learnt.
  escape.octets = [...Buffer.from(String.fromCodePoint(point))];
  return true;
}

const single: readonly (readonly number[])[] = Array.from({ length: 256 }, (_, octet) => [octet]);

function fill(escape: Escape, width: number, octet: number): boolean {
  if (octet === -1) return false;
  escape.width = width;
  // An escaped line break vanishes as one that is none does.
  escape.octets = octet === 0x0a || octet === 0x0d ? nothing : (single[octet] ?? nothing);
  return true;
}
