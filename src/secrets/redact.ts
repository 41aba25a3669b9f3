import { concat } from '../kernel/bytes.ts';
import { isJsonObject, type Json } from '../kernel/canonical-json.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { type Cutter, JsonCutter, TextCutter } from './redaction/cutter.ts';
import { findKnown } from './redaction/find-known.ts';
import { KnownForms } from './redaction/known-forms.ts';
import { KnownValues } from './redaction/known-values.ts';
import { OctetStream, type Piece } from './redaction/octet-stream.ts';

/** Knows every secret value in use and cuts it out of what leaves. What it finds: `docs/redaction.md`. */
export interface Redactor {
  /** Whether anything is known that could be found. */
  readonly knowsAny: boolean;
  /**
   * Looks for a value from now on, until it is forgotten as often as it was learnt, or its life in milliseconds is over.
   * False for one that is not looked for: it is short or plain, and would be found in what is no secret. Throws Fault
   * `secret_unresolved` when no more can be held.
   */
  learn(value: string, life?: number): boolean;
  /** A value that was learnt has ended, and nothing can repeat it any more. */
  forget(value: string): void;
  redact(text: string): string;
  /** Every string in the value, names of members too. */
  redactJson(value: Json): Json;
  /** Octets of a whole text, themselves where nothing is found, and how often something was cut out of them. */
  cut(octets: Uint8Array, form: 'text' | 'json'): { readonly octets: Uint8Array; readonly marks: number };
  /** For octets in pieces; `json` keeps JSON and event streams of it readable. */
  stream(form: 'text' | 'json'): RedactingStream;
}

/** Gives out what may be passed on of a stream. */
export interface RedactingStream {
  push(chunk: Uint8Array): Uint8Array;
  /** What was held back. */
  end(): Uint8Array;
  /** How often something was cut out so far. */
  readonly marks: number;
}

export function createRedactor(clock: Pick<Clock, 'monotonic'> = systemClock): Redactor {
  const known = new KnownForms();
  const values = new KnownValues(known, clock);

  const stream = (form: 'text' | 'json'): RedactingStream => {
    const octets = new OctetStream((piece, final) => findKnown(known, piece, final));
    const cutter = cutterOf(form);
    const cut = (pieces: readonly Piece[]): Uint8Array => joined(pieces.map((piece) => cutter.cut(piece)));
    return {
      push: (chunk) => cut(octets.push(chunk)),
      end: () => cut(octets.end()),
      get marks() {
        return cutter.marks;
      },
    };
  };
  const redact = (text: string): string => {
    if (known.size === 0 || text === '') return text;
    const octets = Buffer.from(text);
    const { spans } = findKnown(known, octets, true);
    if (spans.length === 0) return text;
    return Buffer.from(new TextCutter().cut({ octets, spans })).toString();
  };
  const redactJson = (value: Json): Json => {
    if (known.size === 0) return value;
    if (typeof value === 'string') return redact(value);
    if (isJsonObject(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([name, member]) => [redact(name), redactJson(member)]),
      );
    }
    return Array.isArray(value) ? value.map((element: Json) => redactJson(element)) : value;
  };

  return {
    get knowsAny() {
      return known.size > 0;
    },
    learn: (value, life = Number.POSITIVE_INFINITY) => values.learn(value, life),
    forget: (value) => values.forget(value),
    redact,
    redactJson,
    cut(octets, form) {
      if (known.size === 0) return { octets, marks: 0 };
      const { spans } = findKnown(known, octets, true);
      if (spans.length === 0) return { octets, marks: 0 };
      const cutter = cutterOf(form);
      return { octets: cutter.cut({ octets, spans }), marks: cutter.marks };
    },
    stream,
  };
}

function cutterOf(form: 'text' | 'json'): Cutter {
  return form === 'json' ? new JsonCutter() : new TextCutter();
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first = nothing, ...rest] = pieces;
  return rest.length === 0 ? first : concat(pieces);
}

const nothing = new Uint8Array();
