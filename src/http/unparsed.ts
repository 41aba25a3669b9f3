import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Fault } from '../kernel/fault.ts';
import { problemOf } from './problem.ts';

/** Why a request never became one, in words; null when the peer merely went away. */
export function unparsedReason(error: Error): string | null {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
    case 'HPE_INVALID_EOF_STATE':
      return null;
    case 'HPE_HEADER_OVERFLOW':
      return 'the header section is larger than 16 KiB';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'the header section was not complete in time';
    case 'HPE_UNEXPECTED_CONTENT_LENGTH':
    case 'HPE_INVALID_TRANSFER_ENCODING':
    case 'HPE_INVALID_CONTENT_LENGTH':
      return `the length of the body is not stated in exactly one way (${code})`;
    default:
      return `the request is not strict HTTP/1.1 (${code === '' ? error.message : code})`;
  }
}

/** Answers what the parser refused, and ends the connection: nothing after it can be trusted to be a request. */
export function answerUnparsed(error: Error, socket: Socket): void {
  const reason = unparsedReason(error);
  if (reason === null || !socket.writable) return void socket.destroy();
  const code = 'code' in error ? error.code : '';
  const status = code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const title = STATUS_CODES[status] ?? '';
  const body = JSON.stringify({
    ...problemOf(new Fault('invalid_input', `Refused: ${reason}.`)),
    status,
    title,
  });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
