import { isJsonObject, type Json } from '../kernel/canonical-json.ts';

/** Knows every secret value in use and cuts it out of what leaves. */
export interface Redactor {
  /** Values shorter than eight characters are not learnt: they would be found everywhere. */
  learn(value: string): void;
  redact(text: string): string;
  /** Every string in the value, names of members too. */
  redactJson(value: Json): Json;
}

const shortest = 8;
const mostValues = 1_000;
const mask = '[secret]';

export function createRedactor(): Redactor {
  const values = new Set<string>();
  let pattern: RegExp | null = null;

  const redact = (text: string): string => {
    if (values.size === 0) return text;
    pattern ??= patternOf(values);
    return text.replace(pattern, mask);
  };
  const redactJson = (value: Json): Json => {
    if (typeof value === 'string') return redact(value);
    if (isJsonObject(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([name, member]) => [redact(name), redactJson(member)]),
      );
    }
    return Array.isArray(value) ? value.map((element: Json) => redactJson(element)) : value;
  };

  return {
    learn(value) {
      if (value.length < shortest || values.has(value)) return;
      values.add(value);
      pattern = null;
      const [oldest] = values;
      // Rotated secrets are forgotten at last, the longest known first.
      if (values.size > mostValues && oldest !== undefined) values.delete(oldest);
    },
    redact,
    redactJson,
  };
}

/** One alternation of every form of every value, longest first so that no part of a longer one is left over. */
function patternOf(values: ReadonlySet<string>): RegExp {
  const forms = new Set([...values].flatMap(formsOf));
  const sorted = [...forms].filter((form) => form.length >= shortest).sort((a, b) => b.length - a.length);
  return new RegExp(sorted.map((form) => form.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|'), 'g');
}

function formsOf(value: string): string[] {
  const octets = Buffer.from(value);
  const hex = octets.toString('hex');
  const base64 = octets.toString('base64');
  return [
    value,
    base64,
    base64.replace(/=+$/, ''),
    octets.toString('base64url'),
    hex,
    hex.toUpperCase(),
    encodeURIComponent(value.toWellFormed()),
    JSON.stringify(value).slice(1, -1),
  ];
}
