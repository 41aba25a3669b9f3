/**
 * Finds many short words in octets at once, whatever their case (Aho and Corasick 1975): a table of states that is looked
 * at once for each octet.
 */
export class KeywordIndex {
  private readonly classOf = new Uint8Array(256);
  private readonly classes: number;
  private readonly next: Uint16Array;
  /** By state: the words that end there. */
  private readonly ends: (readonly number[] | undefined)[];
  private readonly isEnd: Uint8Array;

  /** Of lower-case ASCII; at most 65,535 letters together. */
  constructor(words: readonly string[]) {
    this.classes = this.classify(words);
    const { children, ends } = trieOf(words);
    this.ends = ends;
    this.next = new Uint16Array(children.length * this.classes);
    this.link(children);
    this.isEnd = Uint8Array.from(ends, (words) => (words ? 1 : 0));
  }

  /** Calls back with the number of a word and the position after it. */
  scan(octets: Uint8Array, found: (word: number, end: number) => void): void {
    const { classOf, classes, next, ends, isEnd } = this;
    let state = 0;
    for (let at = 0; at < octets.length; at++) {
      state = next[state * classes + (classOf[octets[at] as number] as number)] as number;
      if (isEnd[state] !== 0) for (const word of ends[state] ?? []) found(word, at + 1);
    }
  }

  private classify(words: readonly string[]): number {
    let count = 1;
    for (const letter of new Set(words.join(''))) {
      const code = letter.charCodeAt(0);
      this.classOf[code] = count;
      if (/[a-z]/.test(letter)) this.classOf[code - 32] = count;
      count += 1;
    }
    return count;
  }

  /** Fills the table, nearest states first: where a word cannot go on, its longest end that begins another does. */
  private link(children: readonly ReadonlyMap<number, number>[]): void {
    const { classes, next } = this;
    const failOf = new Uint16Array(children.length);
    const waiting = [0];
    for (let state = waiting.shift(); state !== undefined; state = waiting.shift()) {
      const fail = failOf[state] as number;
      if (state !== 0) {
        next.copyWithin(state * classes, fail * classes, (fail + 1) * classes);
        const inherited = this.ends[fail];
        if (inherited) this.ends[state] = [...(this.ends[state] ?? []), ...inherited];
      }
      for (const [code, child] of children[state] ?? []) {
        const letter = this.classOf[code] as number;
        failOf[child] = state === 0 ? 0 : (next[fail * classes + letter] as number);
        next[state * classes + letter] = child;
        waiting.push(child);
      }
    }
  }
}

function trieOf(words: readonly string[]): {
  readonly children: readonly Map<number, number>[];
  readonly ends: (readonly number[] | undefined)[];
} {
  const children: Map<number, number>[] = [new Map()];
  const ends: number[][] = [];
  for (const [number, word] of words.entries()) {
    let state = 0;
    for (const octet of Buffer.from(word)) {
      const known = children[state]?.get(octet);
      if (known === undefined) {
        children[state]?.set(octet, children.length);
        state = children.push(new Map()) - 1;
      } else state = known;
    }
    ends[state] = [...(ends[state] ?? []), number];
  }
  return { children, ends: Array.from(children, (_, state) => ends[state]) };
}
