import { STATUS_CODES } from 'node:http';
import { rememberedForFrozen } from '../kernel/remembered-for.ts';
import { fieldLines } from '../wire/field-lines.ts';
import type { AnswerHeaders } from './exchange.ts';

/** Header fields to send. */
export type Fields = AnswerHeaders;

/** The start of the last head that was written with the same fields. */
interface Start {
  octets: Uint8Array | null;
  status: number;
  extra: Fields | null;
}

const lastStart = rememberedForFrozen((_given: Fields): Start => ({ octets: null, status: 0, extra: null }));

/**
 * The head of an answer up to the fields of the connection: its status line, the fields of every answer and those of
 * this one. Throws TypeError for fields that cannot be sent.
 */
export function startOfAnswer(status: number, extra: Fields, given: Fields): Uint8Array {
  const last = lastStart(given);
  if (last.octets !== null && last.status === status && last.extra === extra) return last.octets;
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  const octets = Buffer.from(`${line}${fieldLines(extra)}${fieldLines(given)}`, 'latin1');
  Object.assign(last, { octets, status, extra });
  return octets;
}

/** A message in one piece: the start of its head, the rest of it, which is latin1, and its body. */
export function joinedMessage(start: Uint8Array, rest: string, body: Uint8Array): Uint8Array {
  const octets = Buffer.allocUnsafe(start.length + rest.length + body.length);
  octets.set(start);
  octets.write(rest, start.length, 'latin1');
  octets.set(body, start.length + rest.length);
  return octets;
}

/** A chunk in one piece (RFC 9112 §7.1). */
export function joinedChunk(body: Uint8Array): Uint8Array {
  const size = chunkStart(body);
  const octets = Buffer.allocUnsafe(size.length + body.length + 2);
  octets.write(size, 'latin1');
  octets.set(body, size.length);
  octets.write('\r\n', size.length + body.length, 'latin1');
  return octets;
}

/** What stands before the octets of a chunk. */
export function chunkStart(body: Uint8Array): string {
  return `${body.length.toString(16)}\r\n`;
}
