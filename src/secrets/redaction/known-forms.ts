import type { Form } from './secret-forms.ts';
import { PrefixIndex } from './prefix-index.ts';

/**
 * Finds any of many forms in octets. Every place is looked at once: the last four octets before it, folded to one case,
 * are looked up in a table that says "no" to nearly everything.
 */
export class KnownForms {
  /** Of every form how many values have it. */
  private readonly holders = new Map<string, { readonly form: Form; count: number }>();
  private readonly prefixes = new PrefixIndex();
  /** By the last eight octets: the beginnings of secrets, such as `eyJ` or `ghp_`, are alike. */
  private endings = new Map<number, Form[]>();
  private table = new Uint8Array(smallestTable);
  private shift = 32 - Math.log2(smallestTable);
  /** Forms that the table still says "perhaps" to and that are gone. */
  private gone = 0;

  get size(): number {
    return this.holders.size;
  }

  add(forms: readonly Form[]): void {
    for (const form of forms) {
      const key = keyOf(form);
      const held = this.holders.get(key);
      if (held) held.count += 1;
      else this.enter(key, form);
    }
  }

  remove(forms: readonly Form[]): void {
    for (const form of forms) {
      const key = keyOf(form);
      const held = this.holders.get(key);
      if (!held || --held.count > 0) continue;
      this.holders.delete(key);
      this.prefixes.remove(held.form);
      const ending = endingOf(held.form.octets);
      const rest = (this.endings.get(ending) ?? []).filter((other) => other !== held.form);
      if (rest.length === 0) this.endings.delete(ending);
      else this.endings.set(ending, rest);
      this.gone += 1;
    }
    if (this.gone > 64 && this.gone > this.size) this.rebuild();
  }

  /** Calls back with the place of every form in the octets, in the order of their ends. */
  scan(octets: Uint8Array, found: (start: number, end: number) => void): void {
    const { table, shift } = this;
    const { length } = octets;
    if (length < 8 || this.size === 0) return;
    let word = ((octets[4] as number) << 16) | ((octets[5] as number) << 8) | (octets[6] as number);
    for (let at = 7; at < length; at++) {
      word = (word << 8) | (octets[at] as number);
      if ((table[Math.imul(word | fold, spread) >>> shift] as number) & last)
        this.check(octets, at + 1, found);
    }
  }

  /** From where on octets may be the beginning of a form that ends behind them. */
  undecidedFrom(octets: Uint8Array): number {
    return this.prefixes.undecidedFrom(octets);
  }

  private check(octets: Uint8Array, end: number, found: (start: number, end: number) => void): void {
    const before = wordAt(octets, end - 8);
    if (!((this.table[Math.imul(before, spread) >>> this.shift] as number) & secondLast)) return;
    const forms = this.endings.get(ending(before, wordAt(octets, end - 4)));
    if (!forms) return;
    for (const form of forms) {
      const start = end - form.octets.length;
      if (start >= 0 && matches(octets, start, form)) found(start, end);
    }
  }

  private enter(key: string, form: Form): void {
    this.holders.set(key, { form, count: 1 });
    this.prefixes.add(form);
    const ending = endingOf(form.octets);
    const others = this.endings.get(ending);
    if (others) others.push(form);
    else this.endings.set(ending, [form]);
    if (this.size * tablePerForm > this.table.length && this.table.length < largestTable) this.rebuild();
    else this.mark(form.octets);
  }

  private mark(octets: Uint8Array): void {
    const { table, shift } = this;
    const end = octets.length;
    for (const [word, bit] of [
      [wordAt(octets, end - 4), last],
      [wordAt(octets, end - 8), secondLast],
    ] as const) {
      const place = Math.imul(word, spread) >>> shift;
      table[place] = (table[place] as number) | bit;
    }
  }

  private rebuild(): void {
    let size = smallestTable;
    while (size < this.size * tablePerForm && size < largestTable) size *= 2;
    this.table = new Uint8Array(size);
    this.shift = 32 - Math.log2(size);
    this.gone = 0;
    for (const { form } of this.holders.values()) this.mark(form.octets);
  }
}

const smallestTable = 1 << 16;
const largestTable = 1 << 22;
const tablePerForm = 32;
/** Takes the case off letters; other octets may meet as well, which only costs a look. */
const fold = 0x20202020;
/** 2^32 divided by the golden ratio: spreads words that differ little (Knuth, The Art of Computer Programming 3, §6.4). */
const spread = 0x9e3779b1;
/** What an entry of the table says of a word: that it ends a form, or stands four octets before its end. */
const last = 1;
const secondLast = 2;

function wordAt(octets: Uint8Array, at: number): number {
  const high = ((octets[at] as number) << 24) | ((octets[at + 1] as number) << 16);
  return high | ((octets[at + 2] as number) << 8) | (octets[at + 3] as number) | fold;
}

function ending(before: number, word: number): number {
  return before * 0x1_0000_0000 + word;
}

function endingOf(octets: Uint8Array): number {
  return ending(wordAt(octets, octets.length - 8), wordAt(octets, octets.length - 4));
}

function keyOf({ octets, anyCase }: Form): string {
  return `${anyCase}${Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1')}`;
}

function matches(octets: Uint8Array, start: number, { octets: form, anyCase }: Form): boolean {
  for (let index = 0; index < form.length; index++) {
    const octet = octets[start + index] as number;
    if (octet !== form[index] && !(anyCase && (octet | 0x20) === form[index])) return false;
  }
  return true;
}
