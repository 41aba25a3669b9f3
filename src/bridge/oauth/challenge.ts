import { Fault } from '../../kernel/fault.ts';

/** One challenge of `WWW-Authenticate` (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** By name in lower case; values without their quotes. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** What a server says about the token that it wants (RFC 6750 §3, RFC 9728 §5.1, RFC 9470 §3). */
export interface Demand {
  /** Where the metadata of the resource is; null when the server does not say. */
  readonly metadata: string | null;
  /** Every scope that the request needs; null when the server does not say. */
  readonly scopes: readonly string[] | null;
  readonly error: string | null;
  readonly description: string | null;
  /** How and how lately the person has to have authenticated; null for any way and any time. */
  readonly acrValues: string | null;
  /** Seconds. */
  readonly maxAge: number | null;
}

const longest = 8 * 1024;
const mostScopes = 100;
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const equals = /[ \t]*=[ \t]*/y;
const quoted = /"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*)"/y;
const gap = /[ \t]*(?:,|$)[, \t]*/y;
const blanks = / +/y;
// RFC 6749 §3.3.
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/;

/** The demand of a Bearer challenge among all; null when there is none. Throws Fault `sign_in_failed` for what is no such header. */
export function readDemand(header: string | undefined): Demand | null {
  if (header === undefined) return null;
  const bearer = readChallenges(header).filter(({ scheme }) => scheme === 'bearer');
  const chosen = bearer.find(({ parameters }) => parameters.has('resource_metadata')) ?? bearer[0];
  if (!chosen) return null;
  const { parameters } = chosen;
  const age = parameters.get('max_age') ?? '';
  return {
    metadata: parameters.get('resource_metadata') ?? null,
    scopes: scopesOf(parameters.get('scope')),
    error: parameters.get('error') ?? null,
    description: parameters.get('error_description') ?? null,
    acrValues: parameters.get('acr_values') ?? null,
    maxAge: /^\d{1,9}$/.test(age) ? Number(age) : null,
  };
}

/** Scopes of a list with blanks between them. Throws Fault `sign_in_failed`. */
function scopesOf(text: string | undefined): readonly string[] | null {
  if (text === undefined) return null;
  const scopes = [...new Set(text.split(' ').filter((scope) => scope !== ''))];
  if (scopes.length <= mostScopes && scopes.every((scope) => scopeToken.test(scope))) return scopes;
  throw strange('it names scopes that are none');
}

/** Every challenge of the header, in order. Throws Fault `sign_in_failed` when it is anything else. */
export function readChallenges(header: string): readonly Challenge[] {
  if (header.length > longest) throw strange('it is too long');
  const reader = { text: header, at: 0 };
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  take(reader, /[, \t]*/y);
  while (reader.at < header.length) {
    const name = take(reader, token)?.[0] ?? fail('there is no scheme where one belongs');
    const current = challenges.at(-1);
    if (current && take(reader, equals)) {
      addParameter(current.parameters, name, reader);
    } else {
      const parameters = new Map<string, string>();
      challenges.push({ scheme: name.toLowerCase(), parameters });
      if (take(reader, blanks) && !take(reader, token68)) readFirstParameter(parameters, reader);
    }
    if (!take(reader, gap)) fail('its parts are not set apart by commas');
  }
  if (challenges.length === 0) fail('it is empty');
  return challenges;
}

interface Reader {
  readonly text: string;
  at: number;
}

/** What follows a scheme directly, when anything does. */
function readFirstParameter(parameters: Map<string, string>, reader: Reader): void {
  const name = take(reader, token)?.[0];
  if (name === undefined) return;
  if (!take(reader, equals)) fail('a parameter has no value');
  addParameter(parameters, name, reader);
}

function addParameter(parameters: Map<string, string>, name: string, reader: Reader): void {
  const text = take(reader, quoted)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? take(reader, token)?.[0];
  const key = name.toLowerCase();
  // RFC 9110 §11.2: a name is there once. Two readers may choose different ones of two.
  if (text === undefined || parameters.has(key)) fail(`its parameter ${key} is there twice or has no value`);
  else parameters.set(key, text);
}

function take(reader: Reader, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text);
  if (found) reader.at += found[0].length;
  return found;
}

function fail(why: string): never {
  throw strange(why);
}

function strange(why: string): Fault {
  return new Fault(
    'sign_in_failed',
    `The server asks for a token in a way that cannot be read: in its WWW-Authenticate header, ${why}.`,
  );
}
