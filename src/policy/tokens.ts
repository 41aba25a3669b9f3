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
  const tokens: Token[] = [];
  for (const match of text.matchAll(pattern)) {
    const [piece] = match;
    if (piece.startsWith('//')) continue;
    const span = { start: match.index, end: match.index + piece.length };
    if (piece.startsWith('"') && piece.length > 1) {
      tokens.push({ kind: 'string', value: unescape(piece.slice(1, -1)), ...span });
    } else {
      tokens.push({ kind: /^[A-Za-z_]/.test(piece) ? 'word' : 'sign', value: piece, ...span });
    }
  }
  return tokens;
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
export function placeOf(text: string, index: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, index).split(/\r\n|\n|\r/);
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
