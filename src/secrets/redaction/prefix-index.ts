import { type Form, longestForm } from './secret-forms.ts';

/** Tells whether octets end with the beginning of a form, so that no more is held back than has to be. */
export class PrefixIndex {
  /** How many forms begin with one, two or three octets. */
  private readonly short = new Map<number, number>();
  private readonly exact = new Map<number, Row>();
  private readonly anyCase = new Map<number, Row>();

  add(form: Form): void {
    for (const key of shortKeys(form)) this.short.set(key, (this.short.get(key) ?? 0) + 1);
    const rows = this.rowsFor(form);
    const key = beginning(form.octets, 0, 4);
    const row = rows.get(key) ?? { forms: [], sorted: true };
    row.forms.push(form.octets);
    row.sorted = row.forms.length < 2;
    rows.set(key, row);
  }

  remove(form: Form): void {
    for (const key of shortKeys(form)) {
      const count = this.short.get(key) ?? 0;
      if (count > 1) this.short.set(key, count - 1);
      else this.short.delete(key);
    }
    const rows = this.rowsFor(form);
    const key = beginning(form.octets, 0, 4);
    const row = rows.get(key);
    if (!row) return;
    row.forms.splice(row.forms.indexOf(form.octets), 1);
    if (row.forms.length === 0) rows.delete(key);
  }

  /** The first place from which the octets to their end are the beginning of a form, or their length. */
  undecidedFrom(octets: Uint8Array): number {
    const { length } = octets;
    let at = Math.max(0, length - longestForm + 1);
    if (this.short.size === 0) return length;
    for (; at + 4 <= length; at++) {
      const exact = this.exact.get(beginning(octets, at, 4));
      if (exact && hasPrefix(exact, octets.subarray(at))) return at;
      const folded = this.anyCase.get(beginning(octets, at, 4) | fold);
      if (folded && hasPrefix(folded, lowerCase(octets.subarray(at)))) return at;
    }
    for (; at < length; at++) {
      const key = shortKey(octets, at, length - at);
      if (this.short.has(key) || this.short.has(key | foldShort(length - at))) return at;
    }
    return length;
  }

  private rowsFor({ anyCase }: Form): Map<number, Row> {
    return anyCase ? this.anyCase : this.exact;
  }
}

/** The forms with the same first four octets. */
interface Row {
  readonly forms: Uint8Array[];
  sorted: boolean;
}

const fold = 0x20202020;

function foldShort(octets: number): number {
  return fold & (2 ** (8 * octets) - 1);
}

function beginning(octets: Uint8Array, at: number, count: number): number {
  let word = 0;
  for (let index = at; index < at + count; index++) word = (word << 8) | (octets[index] as number);
  return word;
}

function shortKey(octets: Uint8Array, at: number, count: number): number {
  return (count << 24) | beginning(octets, at, count);
}

function shortKeys({ octets }: Form): readonly number[] {
  return [1, 2, 3].map((count) => shortKey(octets, 0, count));
}

function lowerCase(octets: Uint8Array): Uint8Array {
  return octets.map((octet) => (octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet));
}

function hasPrefix(row: Row, prefix: Uint8Array): boolean {
  if (!row.sorted) {
    row.forms.sort(Buffer.compare);
    row.sorted = true;
  }
  let low = 0;
  let high = row.forms.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(row.forms[middle] as Uint8Array, prefix) < 0) low = middle + 1;
    else high = middle;
  }
  // No two forms are the same, so that behind one that is the prefix itself stands one that goes on, if any does.
  return row.forms
    .slice(low, low + 2)
    .some(
      (form) => form.length > prefix.length && Buffer.compare(form.subarray(0, prefix.length), prefix) === 0,
    );
}
