import { unescapeOnce } from './unescape.ts';

/** One text that gives a secret away, as octets to look for. */
export interface Form {
  readonly octets: Uint8Array;
  /** Whether A to F may be written in either case: hexadecimal, which is kept here in lower case. */
  readonly anyCase: boolean;
}

/** Octets of the shortest value that is looked for. */
const shortest = 8;
/** Values up to here are looked for as a whole; longer ones, such as keys in PEM, by pieces that overlap. */
const longestWhole = 512;
const pieceOctets = 256;
/** A multiple of three, less than a piece by more than the octets that base64 leaves undecided at its ends. */
const pieceStep = 252;

/** Octets of the longest form that is ever looked for: hexadecimal of a whole value. */
export const longestForm = 2 * longestWhole;

/**
 * Whether a value may be looked for: one that is short or plain stands in harmless text as well, and a server could find
 * it out by trying, because it shows in an answer which of its guesses were cut.
 */
export function isWorthHiding(value: string): boolean {
  if (Buffer.byteLength(value) < shortest || new Set(value).size < 5) return false;
  const alphabet = (alphabets.find(([only]) => only.test(value)) ?? [null, 95])[1];
  return value.length * Math.log2(alphabet) >= fewestBits;
}

const alphabets: readonly (readonly [RegExp, number])[] = [
  [/^[0-9]*$/, 10],
  [/^[0-9a-f]*$/i, 16],
  [/^[a-z]*$/, 26],
  [/^[A-Z]*$/, 26],
];
/** An answer of 16 MiB holds 2^21 guesses of eight characters. */
const fewestBits = 32;

/** Everything to look for so that a value is found; none where it is not worth hiding. */
export function formsOf(value: string): readonly Form[] {
  if (!isWorthHiding(value)) return [];
  const secret = jws.exec(value)?.[1] ?? value;
  const forms = new Map<string, Form>();
  const add = (octets: Uint8Array, anyCase = false): void => {
    if (octets.length < shortest) return;
    forms.set(`${anyCase}${Buffer.from(octets).toString('latin1')}`, { octets, anyCase });
  };
  for (const text of textsOf(secret)) for (const piece of piecesOf(text)) add(piece);
  for (const piece of piecesOf(Buffer.from(secret))) {
    for (const coded of base64Of(piece)) {
      add(Buffer.from(coded));
      add(Buffer.from(coded.replaceAll('+', '-').replaceAll('/', '_')));
    }
    add(Buffer.from(Buffer.from(piece).toString('hex')), true);
  }
  return [...forms.values()];
}

/** Of a signed token the signature: the rest is alike in many, and proves nothing without it. */
const jws = /^ey[\w-]+\.[\w-]+\.([\w-]{43,})$/;

/** The value as it is seen once escapes are read: without line breaks, and what it says itself when it is read as escaped. */
function textsOf(value: string): readonly Uint8Array[] {
  const written = value.includes(' ') ? [value, value.replaceAll(' ', '+')] : [value];
  return written
    .flatMap((text) => text.split(/(?:\r\n|\r|\n)(?:\r\n|\r|\n)+/))
    .flatMap((section) => {
      const texts: Uint8Array[] = [Buffer.from(section.replace(/[\r\n]/g, ''))];
      for (
        let read = unescapeOnce(texts[0] as Uint8Array, true);
        read;
        read = unescapeOnce(read.octets, true)
      ) {
        texts.push(read.octets);
      }
      return texts;
    });
}

function piecesOf(octets: Uint8Array): readonly Uint8Array[] {
  if (octets.length <= longestWhole) return [octets];
  const last = octets.length - pieceOctets;
  const starts = Array.from({ length: Math.ceil(last / pieceStep) }, (_, index) => index * pieceStep);
  return [...starts, last].map((start) => octets.subarray(start, start + pieceOctets));
}

/** For each of the three places that octets may have in a longer base64 text: the characters that they alone decide. */
function base64Of(octets: Uint8Array): readonly string[] {
  return [0, 1, 2].map((before) => {
    const coded = Buffer.concat([Buffer.alloc(before), octets]).toString('base64');
    return coded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + octets.length) * 8) / 6));
  });
}
