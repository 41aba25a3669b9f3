import { Fault } from '../kernel/fault.ts';
import type { Headers } from './exchange.ts';

/** Request target and header section. */
export interface Head {
  /** As it was sent; not decoded. */
  readonly path: string;
  /** Without the question mark; '' when there is none. */
  readonly query: string;
  readonly headers: Headers;
}

/** Stands in for a head that could not be read. */
export const emptyHead: Head = { path: '', query: '', headers: { get: () => null, entries: () => [] } };

/**
 * Reads the target and the header section as it came (name, value, name, value …). What two readers could take for
 * two different things is refused: a target that is not a path, a single-valued header given twice, Host missing,
 * Content-Length beside Transfer-Encoding. Throws Fault `invalid_input`.
 */
export function readHead(target: string, raw: readonly string[]): Head {
  return { ...readTarget(target), headers: readHeaders(raw) };
}

function readTarget(target: string): Omit<Head, 'headers'> {
  // RFC 9112 §3.2: we are an origin server that is asked in origin-form only.
  if (!target.startsWith('/') || target.includes('#')) {
    throw new Fault('invalid_input', 'The request target must be a path.');
  }
  const mark = target.indexOf('?');
  return mark === -1
    ? { path: target, query: '' }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

function readHeaders(raw: readonly string[]): Headers {
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    const value = raw[at + 1] ?? '';
    const earlier = values.get(name);
    if (earlier === undefined) {
      values.set(name, value);
      continue;
    }
    if (isSingleValued(name)) throw new Fault('invalid_input', `The header ${name} was sent more than once.`);
    // RFC 9110 §5.3: other repeated fields are one list.
    values.set(name, `${earlier}, ${value}`);
  }
  if (!values.has('host')) throw new Fault('invalid_input', 'The Host header is missing.');
  if (values.has('content-length') && values.has('transfer-encoding')) {
    // RFC 9112 §6.3: this may be an attempt at request smuggling and ought to be handled as an error.
    throw new Fault('invalid_input', 'Content-Length and Transfer-Encoding were both sent.');
  }
  return {
    get: (name) => values.get(name) ?? values.get(name.toLowerCase()) ?? null,
    entries: () => values.entries(),
  };
}

const singleValued = new Set([
  'host',
  'authorization',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'origin',
  'last-event-id',
]);

function isSingleValued(name: string): boolean {
  return singleValued.has(name) || name.startsWith('mcp-');
}
