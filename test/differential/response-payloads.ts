/** What a server sends that wants our client to mistake one answer for another. */
export interface AnswerPayload {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'HEAD';
  readonly octets: string;
  /** The status that is taken, or null when the exchange fails. */
  readonly status: number | null;
  /** Whether the connection may carry another request behind it. */
  readonly kept: boolean;
}

const smuggled = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled';

function refusal(name: string, octets: string, method: AnswerPayload['method'] = 'POST'): AnswerPayload {
  return { name, method, octets, status: null, kept: false };
}

export const responsePayloads: readonly AnswerPayload[] = [
  refusal(
    'CL.TE',
    `HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  ),
  refusal('CL.CL', `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 2\r\n\r\n{}`),
  refusal('CL with a sign', 'HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}'),
  refusal('CL as a list', 'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}'),
  refusal('TE gzip, chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'),
  refusal('TE with a tab behind it', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n'),
  refusal('TE in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
  // The head is taken before the body turns out not to be one: its reader gets an error.
  {
    name: 'chunk with an extension',
    method: 'POST',
    octets: chunked('2;a\r\n{}\r\n0\r\n\r\n'),
    status: 200,
    kept: false,
  },
  { name: 'trailer', method: 'POST', octets: chunked('0\r\nX: y\r\n\r\n'), status: 200, kept: false },
  {
    name: 'chunk size with a sign',
    method: 'POST',
    octets: chunked('+2\r\n{}\r\n0\r\n\r\n'),
    status: 200,
    kept: false,
  },
  refusal('folded line', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n'),
  refusal('line ends with LF alone', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n'),
  refusal('name with a space before its colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'),
  refusal('NUL in the reason', 'HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n'),
  refusal('HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'),
  refusal('status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n'),
  refusal('status 600', 'HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n'),
  refusal(
    'change of protocol nobody asked for',
    'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
  ),
  refusal(
    'interim answer with a length',
    `HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello${smuggled}`,
  ),
  refusal('interim answer in HTTP/1.0', `HTTP/1.0 102 Processing\r\n\r\n${smuggled}`),
  refusal('interim answer that closes', `HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n${smuggled}`),
  refusal('more than 256 fields', `HTTP/1.1 200 OK\r\n${'a:\r\n'.repeat(300)}Content-Length: 0\r\n\r\n`),
  refusal(
    'head larger than 16 KiB',
    `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(17_000)}\r\nContent-Length: 0\r\n\r\n`,
  ),
  {
    name: 'answer behind an answer',
    method: 'POST',
    octets: `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}${smuggled}`,
    status: 200,
    kept: false,
  },
  {
    name: '204 with a body',
    method: 'POST',
    octets: `HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello`,
    status: 204,
    kept: false,
  },
  {
    name: '304 with a length',
    method: 'GET',
    octets: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    status: 304,
    kept: true,
  },
  {
    name: 'answer to HEAD',
    method: 'HEAD',
    octets: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    status: 200,
    kept: false,
  },
  {
    name: 'interim answers, then the answer',
    method: 'POST',
    octets:
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
    status: 200,
    kept: true,
  },
  {
    name: 'HTTP/1.0',
    method: 'POST',
    octets: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}',
    status: 200,
    kept: false,
  },
  {
    name: 'no length',
    method: 'POST',
    octets: `HTTP/1.1 200 OK\r\n\r\n${smuggled}`,
    status: 200,
    kept: false,
  },
  {
    name: 'Connection: close',
    method: 'POST',
    octets: 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}',
    status: 200,
    kept: false,
  },
  {
    name: 'Proxy-Connection: close',
    method: 'POST',
    octets: 'HTTP/1.1 200 OK\r\nProxy-Connection: close\r\nContent-Length: 2\r\n\r\n{}',
    status: 200,
    kept: false,
  },
  { name: 'chunks', method: 'POST', octets: chunked('2\r\n{}\r\n0\r\n\r\n'), status: 200, kept: true },
];

function chunked(body: string): string {
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
}
