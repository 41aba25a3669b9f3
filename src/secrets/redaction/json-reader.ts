/** Knows at any octet of JSON, or of an event stream with JSON in it, whether it stands in a string. */
export class JsonReader {
  inString = false;
  private escaped = false;
  private atLineStart = true;

  read(octets: Uint8Array): void {
    for (const octet of octets) {
      if (isLineBreak(octet)) {
        // No string crosses a line: whatever was begun on this one is no JSON.
        this.inString = false;
        this.escaped = false;
      } else if (this.escaped) this.escaped = false;
      else if (octet === quote) this.inString = !this.inString;
      else if (octet === backslash && this.inString) this.escaped = true;
    }
    const last = octets.at(-1);
    if (last !== undefined) this.atLineStart = isLineBreak(last);
  }

  /** How many octets at a position give a text its form, for which nothing may stand: 0 for none. */
  structureAt(octets: Uint8Array, at: number): number {
    const octet = octets[at] as number;
    if (octet === quote || isLineBreak(octet)) return 1;
    if (this.inString) return 0;
    if (this.atLineStart) {
      const field = /^(?:data|event|id|retry)?: ?/.exec(
        Buffer.from(octets.subarray(at, at + 7)).toString('latin1'),
      );
      if (field) return field[0].length;
    }
    return punctuation.has(octet) ? 1 : 0;
  }

  /** Where octets that are no structure end. */
  endOfRun(octets: Uint8Array, from: number): number {
    let at = from;
    while (at < octets.length) {
      const octet = octets[at] as number;
      if (octet === quote || isLineBreak(octet)) break;
      if (!this.inString && punctuation.has(octet)) break;
      at += octet === backslash && this.inString ? 2 : 1;
    }
    return Math.min(at, octets.length);
  }
}

const quote = 0x22;
const backslash = 0x5c;
const punctuation: ReadonlySet<number> = new Set(Buffer.from('{}[]:, \t'));

function isLineBreak(octet: number): boolean {
  return octet === 0x0a || octet === 0x0d;
}
