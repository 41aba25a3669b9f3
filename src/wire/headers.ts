import { NotHttp } from './not-http.ts';

/** Header values by lower-case name. */
export interface Headers {
  /** The value, or null. Names are matched without case. */
  get(name: string): string | null;
  entries(): Iterable<[string, string]>;
}

/**
 * Gathers field lines as they came (name, value, name, value …). Repeated fields are one list (RFC 9110 §5.3), but
 * what two readers could take for two different things is refused: a single-valued field given twice, and
 * Content-Length beside Transfer-Encoding, which may be an attempt at smuggling (RFC 9112 §6.3). Throws NotHttp.
 */
export function gatherHeaders(fields: readonly string[]): Headers {
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = (fields[at] ?? '').toLowerCase();
    const value = fields[at + 1] ?? '';
    const earlier = values.get(name);
    if (earlier === undefined) {
      values.set(name, value);
      continue;
    }
    if (isSingleValued(name)) throw new NotHttp(`the header ${name} was sent more than once`);
    values.set(name, `${earlier}, ${value}`);
  }
  if (values.has('content-length') && values.has('transfer-encoding')) {
    throw new NotHttp('Content-Length and Transfer-Encoding were both sent');
  }
  return new HeaderMap(values);
}

class HeaderMap implements Headers {
  private readonly values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.values = values;
  }

  get(name: string): string | null {
    return this.values.get(name) ?? this.values.get(name.toLowerCase()) ?? null;
  }

  entries(): Iterable<[string, string]> {
    return this.values.entries();
  }
}

/**
 * Whether the connection ends behind this message for anybody who reads it: RFC 9112 §9.6, and the older
 * Proxy-Connection, which some readers take for the same.
 */
export function saysClose(headers: Headers): boolean {
  return mentionsClose(headers.get('connection')) || mentionsClose(headers.get('proxy-connection'));
}

function mentionsClose(value: string | null): boolean {
  return value?.toLowerCase().includes('close') ?? false;
}

/** For a message whose head could not be read. */
export const noHeaders: Headers = new HeaderMap(new Map());

const singleValued = new Set([
  'host',
  'authorization',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'origin',
  'last-event-id',
  'location',
  'retry-after',
  'expect',
  // Node keeps the first of these and drops the others.
  'user-agent',
  'referer',
  'from',
  'cookie',
  'max-forwards',
  'proxy-authorization',
  'if-modified-since',
  'if-unmodified-since',
]);

function isSingleValued(name: string): boolean {
  return singleValued.has(name) || name.startsWith('mcp-');
}
