/** What somebody sends who wants two readers of one connection to disagree, and what we take from it. */
export interface Payload {
  readonly name: string;
  readonly octets: string;
  /** Requests that are taken, in turn, before something is refused or the connection waits. */
  readonly taken: readonly string[];
  /** Whether something is refused. A payload that is not refused and has no requests left waits for more, and not for ever. */
  readonly refused: boolean;
}

const host = 'Host: localhost\r\n';
const smuggled = `GET /smuggled HTTP/1.1\r\n${host}\r\n`;
const chunkedPost = `POST /a HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`;

function post(lines: string, body: string): string {
  return `POST /a HTTP/1.1\r\n${host}${lines}\r\n${body}`;
}

function refusal(name: string, octets: string): Payload {
  return { name, octets, taken: [], refused: true };
}

const lengths: readonly Payload[] = [
  refusal('CL.TE', post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${smuggled}`)),
  refusal(
    'TE.CL',
    post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `28\r\n${smuggled}\r\n0\r\n\r\n`),
  ),
  refusal(
    'TE.TE, the second obscure',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n', `0\r\n\r\n${smuggled}`),
  ),
  refusal(
    'TE.TE, twice the same',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${smuggled}`),
  ),
  refusal('CL.CL, two values', post('Content-Length: 0\r\nContent-Length: 38\r\n', smuggled)),
  refusal('CL.CL, the same value', post('Content-Length: 2\r\nContent-Length: 2\r\n', '{}')),
  refusal('CL as a list', post('Content-Length: 2, 2\r\n', '{}')),
  refusal('CL with a sign', post('Content-Length: +2\r\n', '{}')),
  refusal('CL below zero', post('Content-Length: -1\r\n', smuggled)),
  refusal('CL in hexadecimal', post('Content-Length: 0x2\r\n', '{}')),
  refusal('CL with a point', post('Content-Length: 2.0\r\n', '{}')),
  refusal('CL with an exponent', post('Content-Length: 2e0\r\n', '{}')),
  refusal('CL with white space inside', post('Content-Length: 1 2\r\n', '{}')),
  refusal('CL with a vertical tab', post('Content-Length:\x0b2\r\n', '{}')),
  refusal('CL with a tab behind it', post('Content-Length: 2\t\r\n', '{}')),
  refusal('CL empty', post('Content-Length:\r\n', smuggled)),
  refusal('CL beyond 2^53', post('Content-Length: 9007199254740993\r\n', '{}')),
  refusal('CL that wraps around in 64 bits', post('Content-Length: 18446744073709551617\r\n', '{}')),
  refusal('CL in other digits', post('Content-Length: \xb2\r\n', '{}')),
  {
    name: 'CL with leading zeros',
    octets: post('Content-Length: 002\r\n', '{}'),
    taken: ['POST /a'],
    refused: false,
  },
  {
    name: 'CL shorter than the body',
    octets: post('Content-Length: 1\r\n', '{}'),
    taken: ['POST /a'],
    refused: false,
  },
  { name: 'CL longer than the body', octets: post('Content-Length: 3\r\n', '{}'), taken: [], refused: false },
  {
    name: 'a GET with a body',
    octets: `GET /a HTTP/1.1\r\n${host}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    taken: ['GET /a'],
    refused: false,
  },
];

const codings: readonly Payload[] = [
  ...[
    'gzip, chunked',
    'chunked, identity',
    'identity',
    'chunked, chunked',
    'xchunked',
    'chunkedx',
    'chunked;q=1',
    '"chunked"',
    'chun ked',
    'chunked,',
    ', chunked',
    '',
    'chunked\t',
    '\x0bchunked',
    'chunked\x0c',
    '\x00chunked',
    'chunked\x00',
    'chunk\x85ed',
  ].map((coding) =>
    refusal(`TE ${JSON.stringify(coding)}`, post(`Transfer-Encoding: ${coding}\r\n`, `0\r\n\r\n${smuggled}`)),
  ),
  refusal('TE in a folded line', post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n')),
  refusal('TE behind a bare LF', post('X: y\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')),
  refusal('TE behind a bare CR', post('X: y\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n')),
  refusal('TE with a space before its colon', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n')),
  refusal('TE with a space before its name', post(' Transfer-Encoding: chunked\r\n', '0\r\n\r\n')),
  refusal('TE with a tab before its colon', post('Transfer-Encoding\t: chunked\r\n', '0\r\n\r\n')),
  refusal('TE with a NUL in its name', post('Transfer-Encoding\0: chunked\r\n', '0\r\n\r\n')),
  refusal(
    'TE in HTTP/1.0',
    `POST /a HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  ),
  {
    name: 'TE with an underscore is another field',
    octets: post('Transfer_Encoding: chunked\r\n', smuggled),
    taken: ['POST /a', 'GET /smuggled'],
    refused: false,
  },
  {
    name: 'TE in capitals',
    octets: post('TRANSFER-ENCODING: CHUNKED\r\n', '2\r\n{}\r\n0\r\n\r\n'),
    taken: ['POST /a'],
    refused: false,
  },
];

const chunks: readonly Payload[] = [
  ...[
    '0x2',
    '+2',
    '-2',
    ' 2',
    '2 ',
    '2\t',
    '',
    'g',
    '2;a=b',
    '2;',
    '2;a="\r\n"',
    '2 ;a',
    '2;\n',
    '000000002',
    'fffffffff',
    'ffffffffffffffff2',
    '2\0',
    '2_',
  ].map((size) =>
    refusal(`chunk size ${JSON.stringify(size)}`, `${chunkedPost}${size}\r\n{}\r\n0\r\n\r\n${smuggled}`),
  ),
  refusal('chunk size behind a bare LF', `${chunkedPost}2\n{}\r\n0\r\n\r\n`),
  refusal('chunk size behind a bare CR', `${chunkedPost}2\r{}\r\n0\r\n\r\n`),
  refusal('chunk that is longer than its size', `${chunkedPost}2\r\n{}}\r\n0\r\n\r\n`),
  refusal('chunk that ends with a bare LF', `${chunkedPost}2\r\n{}\n0\r\n\r\n`),
  refusal('chunk that ends with other octets', `${chunkedPost}2\r\n{}XX0\r\n\r\n`),
  refusal('last chunk with an extension', `${chunkedPost}0;a\r\n\r\n`),
  refusal('trailer', `${chunkedPost}0\r\nX: y\r\n\r\n${smuggled}`),
  refusal('trailer that states a length', `${chunkedPost}0\r\nContent-Length: 38\r\n\r\n${smuggled}`),
  refusal('last chunk behind a bare LF', `${chunkedPost}0\n\n${smuggled}`),
  refusal('last chunk that ends with LF', `${chunkedPost}0\r\n\n${smuggled}`),
  {
    name: 'chunks that hold a request',
    octets: `${chunkedPost}${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
    taken: ['POST /a'],
    refused: false,
  },
  {
    name: 'chunk size with zeros before and in capitals',
    octets: `${chunkedPost}000A\r\n0123456789\r\n00\r\n\r\n${smuggled}`,
    taken: ['POST /a', 'GET /smuggled'],
    refused: false,
  },
];

const lines: readonly Payload[] = [
  refusal('line ends with LF alone', 'GET /a HTTP/1.1\nHost: localhost\n\n'),
  {
    name: 'line ends with CR alone, of which more may come',
    octets: 'GET /a HTTP/1.1\rHost: localhost\r\r',
    taken: [],
    refused: false,
  },
  refusal('empty line of LF CR', `GET /a HTTP/1.1\r\n${host}\n\r\n`),
  refusal('empty line of CR CR LF', `GET /a HTTP/1.1\r\n${host}\r\r\n\r\n`),
  refusal('empty line before the request', `\r\n${smuggled}`),
  refusal('NUL in the target', `GET /a\0b HTTP/1.1\r\n${host}\r\n`),
  refusal('NUL in a value', `GET /a HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`),
  refusal('DEL in a value', `GET /a HTTP/1.1\r\n${host}X: a\x7fb\r\n\r\n`),
  refusal('octets beyond ASCII in a value', `GET /a HTTP/1.1\r\n${host}X: \xc4\xa0\r\n\r\n`),
  refusal('folded line', `GET /a HTTP/1.1\r\n${host}X: a\r\n b\r\n\r\n`),
  refusal('folded line that names a field', `GET /a HTTP/1.1\r\n${host}X: a\r\n Content-Length: 5\r\n\r\n`),
  refusal('line without a colon', `GET /a HTTP/1.1\r\n${host}nonsense\r\n\r\n`),
  refusal('field without a name', `GET /a HTTP/1.1\r\n${host}: x\r\n\r\n`),
  refusal('field name with a space', `GET /a HTTP/1.1\r\n${host}X Y: z\r\n\r\n`),
  refusal('field name beyond ASCII', `GET /a HTTP/1.1\r\n${host}\xdc: z\r\n\r\n`),
  refusal('more than 256 fields', `GET /a HTTP/1.1\r\n${host}${'a:\r\n'.repeat(300)}\r\n`),
  refusal('head larger than 16 KiB', `GET /a HTTP/1.1\r\n${host}X: ${'a'.repeat(17_000)}\r\n\r\n`),
];

const starts: readonly Payload[] = [
  refusal('absolute-form', `GET http://localhost/a HTTP/1.1\r\n${host}\r\n`),
  refusal('absolute-form of another host', `GET http://elsewhere/a HTTP/1.1\r\n${host}\r\n`),
  refusal('authority-form', `CONNECT localhost:443 HTTP/1.1\r\n${host}\r\n`),
  refusal('asterisk-form', `OPTIONS * HTTP/1.1\r\n${host}\r\n`),
  refusal('fragment in the target', `GET /a#b HTTP/1.1\r\n${host}\r\n`),
  refusal('space in the target', `GET /a b HTTP/1.1\r\n${host}\r\n`),
  refusal('tab in the target', `GET /a\tb HTTP/1.1\r\n${host}\r\n`),
  refusal('two spaces', `GET  /a HTTP/1.1\r\n${host}\r\n`),
  refusal('tab instead of a space', `GET\t/a HTTP/1.1\r\n${host}\r\n`),
  refusal('method in small letters', `get /a HTTP/1.1\r\n${host}\r\n`),
  refusal('method nobody knows', `SMUGGLE /a HTTP/1.1\r\n${host}\r\n`),
  refusal('TRACE', `TRACE /a HTTP/1.1\r\n${host}\r\n`),
  refusal('HTTP/0.9', `GET /a\r\n\r\n${smuggled}`),
  refusal('HTTP/1.0', `GET /a HTTP/1.0\r\n${host}\r\n${smuggled}`),
  refusal('HTTP/1.2', `GET /a HTTP/1.2\r\n${host}\r\n`),
  refusal('HTTP/2.0', `GET /a HTTP/2.0\r\n${host}\r\n`),
  refusal('version in small letters', `GET /a http/1.1\r\n${host}\r\n`),
  refusal('space behind the version', `GET /a HTTP/1.1 \r\n${host}\r\n`),
  refusal('HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  refusal('no Host', 'GET /a HTTP/1.1\r\n\r\n'),
  refusal('two Hosts', `GET /a HTTP/1.1\r\n${host}Host: elsewhere\r\n\r\n`),
  refusal('Host with a space before its colon', 'GET /a HTTP/1.1\r\nHost : localhost\r\n\r\n'),
];

const connections: readonly Payload[] = [
  {
    name: 'pipelining',
    octets: `${smuggled}${post('Content-Length: 2\r\n', '{}')}GET /b HTTP/1.1\r\n${host}\r\n`,
    taken: ['GET /smuggled', 'POST /a', 'GET /b'],
    refused: false,
  },
  {
    name: 'pipelining behind Connection: close',
    octets: `GET /a HTTP/1.1\r\n${host}Connection: close\r\n\r\n${smuggled}`,
    taken: ['GET /a'],
    refused: false,
  },
  {
    name: 'pipelining behind Proxy-Connection: close',
    octets: `GET /a HTTP/1.1\r\n${host}Proxy-Connection: close\r\n\r\n${smuggled}`,
    taken: ['GET /a'],
    refused: false,
  },
  {
    name: 'pipelining behind what is refused',
    octets: `GET /a HTTP/1.1\r\n\r\n${smuggled}`,
    taken: [],
    refused: true,
  },
  {
    name: 'upgrade nobody answers',
    octets: `GET /a HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n${smuggled}`,
    taken: ['GET /a', 'GET /smuggled'],
    refused: false,
  },
  {
    name: 'upgrade with a body',
    octets: post('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n', `{}${smuggled}`),
    taken: ['POST /a', 'GET /smuggled'],
    refused: false,
  },
  {
    name: 'a field that Connection names',
    octets: `GET /a HTTP/1.1\r\n${host}Connection: Content-Length\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    taken: ['GET /a'],
    refused: false,
  },
  {
    name: 'Expect: 100-continue',
    octets: post('Expect: 100-continue\r\nContent-Length: 2\r\n', '{}'),
    taken: ['POST /a'],
    refused: false,
  },
  refusal('an expectation nobody knows', post('Expect: 200-ok\r\nContent-Length: 2\r\n', '{}')),
  refusal(
    'two expectations',
    post('Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 2\r\n', '{}'),
  ),
  refusal(
    'User-Agent twice, which node:http reads as the first',
    `GET /a HTTP/1.1\r\n${host}User-Agent: a\r\nUser-Agent: b\r\n\r\n`,
  ),
  refusal('Cookie twice', `GET /a HTTP/1.1\r\n${host}Cookie: a=1\r\nCookie: b=2\r\n\r\n`),
  {
    name: 'body that begins like a request and never ends',
    octets: post(`Content-Length: 1000\r\n`, smuggled),
    taken: [],
    refused: false,
  },
];

export const requestPayloads: readonly Payload[] = [
  ...lengths,
  ...codings,
  ...chunks,
  ...lines,
  ...starts,
  ...connections,
];
