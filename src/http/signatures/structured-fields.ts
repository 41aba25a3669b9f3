import { fromBase64, toBase64 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';

/** A token (RFC 9651 §3.3.4), which is not the same as a string of the same letters. */
export interface Token {
  readonly token: string;
}

/** The bare items that signatures and digests are made of. Decimals, dates and display strings are not among them. */
export type BareItem = number | string | boolean | Uint8Array | Token;

/** In the order they were written; no key comes twice. */
export type Parameters = ReadonlyMap<string, BareItem>;

export interface Item {
  readonly value: BareItem;
  readonly parameters: Parameters;
}

export interface InnerList {
  readonly items: readonly Item[];
  readonly parameters: Parameters;
}

export type Dictionary = ReadonlyMap<string, Item | InnerList>;

/** What a field of a peer may cost. */
const longestField = 8_192;
const mostMembers = 64;

const noParameters: Parameters = new Map();

/**
 * Reads a dictionary (RFC 9651 §4.2.2). It is stricter than the RFC where two readers could take two things from one
 * text: a key that comes twice is refused, not overwritten, and base64 is canonical. Throws Fault `invalid_input`.
 */
export function parseDictionary(text: string): Dictionary {
  return new Reader(text).dictionary();
}

/** RFC 9651 §4.1.2. */
export function writeDictionary(dictionary: Dictionary): string {
  return [...dictionary]
    .map(([key, member]) => {
      if ('items' in member) return `${key}=${writeInnerList(member)}`;
      if (member.value === true) return key + writeParameters(member.parameters);
      return `${key}=${writeItem(member)}`;
    })
    .join(', ');
}

/** RFC 9651 §4.1.1.1. */
export function writeInnerList({ items, parameters }: InnerList): string {
  return `(${items.map(writeItem).join(' ')})${writeParameters(parameters)}`;
}

/** RFC 9651 §4.1.3. */
export function writeItem({ value, parameters }: Item): string {
  return writeBareItem(value) + writeParameters(parameters);
}

export function item(value: BareItem, parameters: Parameters = noParameters): Item {
  return { value, parameters };
}

function writeParameters(parameters: Parameters): string {
  let text = '';
  for (const [key, value] of parameters)
    text += value === true ? `;${key}` : `;${key}=${writeBareItem(value)}`;
  return text;
}

function writeBareItem(value: BareItem): string {
  switch (typeof value) {
    case 'number':
      return String(value === 0 ? 0 : value);
    case 'boolean':
      return value ? '?1' : '?0';
    case 'string':
      if (!/^[\x20-\x7e]*$/.test(value)) throw new Fault('invalid_input', 'A string of a header is ASCII.');
      return `"${value.replace(/[\\"]/g, '\\$&')}"`;
    default:
      return value instanceof Uint8Array ? `:${toBase64(value)}:` : value.token;
  }
}

const key = /[a-z*][a-z0-9_.*-]*/y;
const integer = /-?[0-9]{1,15}(?![0-9.])/y;
const string = /"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y;
const token = /[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*/y;
const octets = /:([A-Za-z0-9+/=]*):/y;
const boolean = /\?([01])/y;
const spaces = / */y;
const optionalWhitespace = /[ \t]*/y;

/** Walks over one field value. Every pattern is anchored where the walk stands and cannot backtrack over more than it took. */
class Reader {
  private readonly text: string;
  private at = 0;
  private members = 0;

  constructor(text: string) {
    if (text.length > longestField) throw this.wrong('is longer than any that is read');
    this.text = text;
  }

  dictionary(): Dictionary {
    const members = new Map<string, Item | InnerList>();
    this.take(spaces);
    while (this.at < this.text.length) {
      const name = this.must(key, 'has no key where one has to be');
      if (members.has(name)) throw this.wrong(`names ${name} twice`);
      this.count();
      members.set(name, this.skip('=') ? this.member() : item(true, this.parameters()));
      this.take(optionalWhitespace);
      if (this.at === this.text.length) break;
      if (!this.skip(',')) throw this.wrong('has something behind a member that is no comma');
      this.take(optionalWhitespace);
      if (this.at === this.text.length) throw this.wrong('ends with a comma');
    }
    return members;
  }

  private member(): Item | InnerList {
    return this.text[this.at] === '(' ? this.innerList() : this.item();
  }

  private innerList(): InnerList {
    this.at += 1;
    const items: Item[] = [];
    for (;;) {
      this.take(spaces);
      if (this.skip(')')) return { items, parameters: this.parameters() };
      this.count();
      items.push(this.item());
      const next = this.text[this.at];
      if (next !== ' ' && next !== ')') throw this.wrong('has a list that does not end');
    }
  }

  private item(): Item {
    const value = this.bareItem();
    return { value, parameters: this.parameters() };
  }

  private parameters(): Parameters {
    if (this.text[this.at] !== ';') return noParameters;
    const parameters = new Map<string, BareItem>();
    while (this.skip(';')) {
      this.take(spaces);
      const name = this.must(key, 'has a parameter without a key');
      if (parameters.has(name)) throw this.wrong(`gives the parameter ${name} twice`);
      this.count();
      parameters.set(name, this.skip('=') ? this.bareItem() : true);
    }
    return parameters;
  }

  private bareItem(): BareItem {
    const first = this.text[this.at] ?? '';
    if (first === '"') return this.string();
    if (first === ':') return this.octets();
    if (first === '?') return this.must(boolean, 'has a boolean that is none') === '?1';
    if (/[-0-9]/.test(first)) return Number(this.must(integer, 'has a number that is no integer'));
    return { token: this.must(token, 'has a value of no kind that is read') };
  }

  private string(): string {
    const quoted = this.must(string, 'has a string that does not end or is not ASCII');
    return quoted.slice(1, -1).replace(/\\(["\\])/g, '$1');
  }

  private octets(): Uint8Array {
    const value = fromBase64(this.must(octets, 'has octets that do not end').slice(1, -1));
    if (!value) throw this.wrong('has octets that are not canonical base64');
    return value;
  }

  private count(): void {
    this.members += 1;
    if (this.members > mostMembers) throw this.wrong('has more members than are read');
  }

  private skip(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  private take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) return null;
    this.at += found.length;
    return found;
  }

  private must(pattern: RegExp, why: string): string {
    const found = this.take(pattern);
    if (found === null || found === '') throw this.wrong(why);
    return found;
  }

  private wrong(why: string): Fault {
    return new Fault('invalid_input', `A structured field ${why} (at ${this.at}).`);
  }
}
