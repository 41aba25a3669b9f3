import { Fault } from '../kernel/fault.ts';
import { suggest } from '../kernel/suggest.ts';

/** The query of a key reference, one text per name. */
export type Parameters = Readonly<Record<string, string>>;

/**
 * Reads `name=value&name=value` with percent-encoding. Throws Fault `invalid_input` for a name that is not known or
 * comes twice, so that no slip is ignored.
 */
export function readParameters(query: string, known: readonly string[], separator = '&'): Parameters {
  const found: Record<string, string> = {};
  for (const part of query.split(separator)) {
    if (part === '') continue;
    const end = part.indexOf('=');
    const name = end < 0 ? part : part.slice(0, end);
    if (!known.includes(name)) throw unknownName(name, known);
    if (end < 0 || end === part.length - 1) throw invalid(`its ${name} has no value`);
    if (name in found) throw invalid(`it has ${name} twice`);
    found[name] = decode(part.slice(end + 1));
  }
  return found;
}

/** Writes what `readParameters` reads; members that are undefined are left out. */
export function writeParameters(values: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encode(value)}`]))
    .join('&');
}

/** Percent-decodes. Throws Fault `invalid_input`. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new Fault(
      'invalid_input',
      `The key reference cannot be read: ${text} is not percent-encoded UTF-8.`,
      {
        cause,
      },
    );
  }
}

/** Percent-encodes what would end a value, and leaves paths and URLs readable. */
export function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%2F', '/').replaceAll('%3A', ':');
}

/** A Fault that says what is wrong with a key reference. */
export function invalid(why: string): Fault {
  return new Fault('invalid_input', `The key reference cannot be used: ${why}.`);
}

function unknownName(name: string, known: readonly string[]): Fault {
  const near = suggest(name, known);
  const advice = near === null ? `Known are ${known.join(', ')}` : `Did you mean ${near}`;
  return invalid(`${name} is not known there. ${advice}`);
}

/**
 * A secret in a reference must itself be one, `env:NAME` or `file:/path`: references are kept in the data folder and
 * its backups. Throws Fault `invalid_input`, without the value.
 */
export function requireIndirect(name: string, value: string): string {
  if (/^(env:|file:\/)/.test(value)) return value;
  throw invalid(`${name} must say where the secret is kept, as env:NAME or file:/path, and not be it`);
}
