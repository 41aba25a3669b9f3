/** A piece of Cedar text. `value` is what a string says, and the text itself for anything else. */
export interface Token {
  readonly kind: 'word' | 'string' | 'sign';
  readonly value: string;
  /** Index of the first UTF-16 unit in the text. */
  readonly start: number;
  readonly end: number;
}

// Strings first try to be whole; text that ends inside one is refused by Cedar's own parser before it comes here.
const pattern = /\/\/[^\n\r]*|"(?:[^"\\]|\\[\s\S])*"|[A-Za-z_][A-Za-z0-9_]*|[^\s]/g;

/** The tokens of a Cedar text, without comments. The text must have passed Cedar's parser. */
export function readTokens(text: string): readonly Token[] {
  return [...tokensOf(text)];
}

/** The same, one after the other. */
export function* tokensOf(text: string): Generator<Token, void> {
  for (const match of text.matchAll(pattern)) {
    const [piece] = match;
    if (piece.startsWith('//')) continue;
    const span = { start: match.index, end: match.index + piece.length };
    if (piece.startsWith('"') && piece.length > 1) {
      yield { kind: 'string', value: unescape(piece.slice(1, -1)), ...span };
    } else {
      yield { kind: /^[A-Za-z_]/.test(piece) ? 'word' : 'sign', value: piece, ...span };
    }
  }
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0' };

function unescape(text: string): string {
  return text.replaceAll(
    /\\(?:u\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|([\s\S]))/g,
    (_, point: string | undefined, octet: string | undefined, letter: string | undefined) => {
      const code = point ?? octet;
      if (code !== undefined) return codePoint(Number.parseInt(code, 16));
      return escapes[letter ?? ''] ?? letter ?? '';
    },
  );
}

function codePoint(code: number): string {
  return code > 0x10ffff ? '' : String.fromCodePoint(code);
}

/** Where an index stands: line and column from 1, columns in UTF-16 units as editors count them. */
export function placeOf(text: string, index: number): Place {
  return placeFinder(text)(index);
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** `placeOf` for many indexes of one text, each at or behind the one before. */
export function placeFinder(text: string): (index: number) => Place {
  const ends = text.matchAll(/\r\n|\n|\r/g);
  let line = 1;
  let start = 0;
  let next = ends.next();
  return (index) => {
    while (!next.done && next.value.index + next.value[0].length <= index) {
      start = next.value.index + next.value[0].length;
      line += 1;
      next = ends.next();
    }
    return { line, column: index - start + 1 };
  };
}
