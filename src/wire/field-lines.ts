import { rememberedForFrozen } from '../kernel/remembered-for.ts';
import { NotHttp } from './not-http.ts';

/** The end of a head: the end of its last line and an empty line (RFC 9112 §2.1). */
export const headEnd = Buffer.from('\r\n\r\n');

/** The longest head that is read, in octets. */
export const maximumHeadOctets = 16 * 1024;

// RFC 9112 §2.2: a line ends with CR LF and nothing else does; RFC 9110 §5.5: no control characters.
const notAscii = /[^\t\r\n\x20-\x7e]|\r[^\n]|[^\r]\n/;
const notText = /[^\t\r\n\x20-\x7e\x80-\xff]|\r[^\n]|[^\r]\n/;

/** The most field lines that are read: fewer than any reader drops without a word, and more than anybody sends. */
const mostFields = 256;

/** Refuses characters that no head holds. What we are sent is ASCII; what servers send may hold obs-text. Throws NotHttp. */
export function refuseControls(head: string, from: 'request' | 'response'): void {
  if ((from === 'request' ? notAscii : notText).test(head)) {
    throw new NotHttp('a control character, a bare CR or LF, or text that is not ASCII');
  }
}

/** Whether a line ends with LF alone, looking from an octet on. */
export function hasBareFeed(octets: Uint8Array, from: number): boolean {
  for (let at = octets.indexOf(0x0a, from); at !== -1; at = octets.indexOf(0x0a, at + 1)) {
    if (at === 0 || octets[at - 1] !== 0x0d) return true;
  }
  return false;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * The field lines between the start line and the empty line, as (name, value, name, value …), values without the
 * white space around them (RFC 9112 §5). A folded line and a name with white space before its colon are refused (§5.1, §5.2). Throws NotHttp.
 */
export function readFieldLines(head: string, from: number): readonly string[] {
  const fields: string[] = [];
  for (let at = from; ; ) {
    const end = head.indexOf('\r\n', at);
    if (end === at) return fields;
    const colon = head.indexOf(':', at);
    if (end === -1 || colon === -1 || colon > end) throw new NotHttp('a header line without a colon');
    const name = head.slice(at, colon);
    if (fields.length === 2 * mostFields) throw new NotHttp(`more than ${mostFields} header lines`, 431);
    if (!token.test(name)) throw new NotHttp('a header name that is not a token, or a folded line');
    fields.push(name, withoutSpace(head, colon + 1, end));
    at = end + 2;
  }
}

function withoutSpace(head: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(head.charCodeAt(start))) start += 1;
  while (end > start && head.charCodeAt(end - 1) === 0x20) end -= 1;
  // A tab behind `chunked` is white space for one reader and a part of another coding for the next.
  if (end > start && head.charCodeAt(end - 1) === 0x09)
    throw new NotHttp('a tab at the end of a header value');
  return head.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * The field lines of a message to send, in the order of their names' insertion. Those of a frozen object are worked
 * out once. Throws TypeError as `fieldLine` does.
 */
export const fieldLines = rememberedForFrozen(
  (headers: Readonly<Record<string, string | readonly string[]>>): string => {
    let lines = '';
    for (const name of Object.keys(headers)) {
      const value = headers[name] ?? '';
      if (typeof value === 'string') lines += fieldLine(name, value);
      else for (const each of value) lines += fieldLine(name, each);
    }
    return lines;
  },
);

/** One field line to send. Throws TypeError for what would be more than one line, or none. */
export function fieldLine(name: string, value: string): string {
  if (!token.test(name) || !fieldValue.test(value)) throw new TypeError(`the header ${name} cannot be sent`);
  return `${name}: ${value}\r\n`;
}
