import { readFieldLines, refuseControls } from './field-lines.ts';
import { gatherHeaders, type Headers } from './headers.ts';
import { NotHttp } from './not-http.ts';

export type HttpVersion = '1.1' | '1.0';

/** A request up to its empty line, as it was written. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: HttpVersion;
  /** (name, value, name, value …) */
  readonly fields: readonly string[];
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);
// RFC 9112 §3: one space each, and the version is spelt so.
const requestLine = /^([A-Z]+) (\S+) HTTP\/(\d\.\d)$/;

/** Reads the text of a head, its empty line included; of HTTP/1.0 only where that is spoken as well. Throws NotHttp. */
export function parseRequestHead(head: string, oldest: HttpVersion = '1.1'): RequestHead {
  refuseControls(head, 'request');
  const end = head.indexOf('\r\n');
  const [, method = '', target = '', version] = requestLine.exec(head.slice(0, end)) ?? [];
  if (version === undefined) throw new NotHttp('the first line is not a request');
  if (version !== '1.1' && (version !== '1.0' || oldest !== '1.0'))
    throw new NotHttp(`HTTP/${version} is not spoken here, HTTP/1.1 is`, 505);
  if (!methods.has(method)) throw new NotHttp('the method is unknown');
  return { method, target, version, fields: readFieldLines(head, end + 2) };
}

// The path and query of an origin-form, as octets that nobody takes for the end of it (RFC 9112 §3.2.1).
const sendableTarget = /^\/[!-"$-~]*$/;

/** The first line of a request to send. Throws TypeError for what would be read as another line, or as two. */
export function writeRequestLine(method: string, target: string): string {
  if (!methods.has(method) || !sendableTarget.test(target)) {
    throw new TypeError(`the request ${method} ${target} cannot be sent`);
  }
  return `${method} ${target} HTTP/1.1\r\n`;
}

/** What a request is addressed to and what it says about itself. */
export interface Addressed {
  /** As it was sent; not decoded. */
  readonly path: string;
  /** Without the question mark; '' when there is none. */
  readonly query: string;
  readonly headers: Headers;
}

/**
 * Reads the target and the fields of a request. A target that is not a path, a missing Host and an
 * unknown expectation are refused, and what
 * `gatherHeaders` refuses. Throws NotHttp.
 */
export function readAddress(target: string, fields: readonly string[]): Addressed {
  // RFC 9112 §3.2: we are an origin server that is asked in origin-form only.
  if (!target.startsWith('/') || target.includes('#')) throw new NotHttp('the request target is not a path');
  const headers = gatherHeaders(fields);
  if (headers.get('host') === null) throw new NotHttp('the Host header is missing');
  // RFC 9110 §10.1.1: the one expectation there is.
  const expected = headers.get('expect');
  if (expected !== null && expected.toLowerCase() !== '100-continue')
    throw new NotHttp('the expectation is unknown');
  const mark = target.indexOf('?');
  if (mark === -1) return { path: target, query: '', headers };
  return { path: target.slice(0, mark), query: target.slice(mark + 1), headers };
}
