import { STATUS_CODES } from 'node:http';
import { Fault } from '../kernel/fault.ts';
import type { NotHttp } from '../wire/not-http.ts';
import { problemOf } from './problem.ts';

/** The answer to octets that never became a request; the connection ends with it. */
export function unparsedAnswer(wrong: NotHttp): string {
  const { status } = wrong;
  const title = STATUS_CODES[status] ?? '';
  const problem = problemOf(new Fault('invalid_input', `Refused: ${wrong.message}.`));
  const body = JSON.stringify({ ...problem, status, title });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
