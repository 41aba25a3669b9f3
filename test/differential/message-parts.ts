import type { SeededRandom } from './seeded-random.ts';

// Parts of messages as well-behaved peers write them, and, once in a while, as the others do.

const names = [
  'accept',
  'Accept',
  'content-type',
  'Content-Type',
  'mcp-session-id',
  'Mcp-Method',
  'user-agent',
  'x-a',
  'X_B',
  'cookie',
  'authorization',
  'origin',
  'last-event-id',
  'via',
  "!#$%&'*+-.^_`|~",
  'connection',
  'keep-alive',
  'expect',
  'upgrade',
  'trailer',
  'te',
  'date',
  'server',
  'set-cookie',
  'retry-after',
  'content-encoding',
  'proxy-connection',
  'content_length',
  'content-length2',
  'transfer-encodin',
  'age',
];
const values = [
  '',
  'a',
  'application/json',
  'text/event-stream, application/json',
  'close',
  'keep-alive',
  'Keep-Alive, x',
  'upgrade',
  'Upgrade, close',
  'h2c',
  'timeout=5',
  '100-continue',
  '100-Continue',
  '200-ok',
  'trailers',
  'a b\tc',
  '"quoted; text"',
  'x'.repeat(120),
  'a:b:c',
  'chunked',
];
const oddNames = [
  '',
  ' x',
  'x ',
  'x\t',
  'a b',
  'x\0',
  'ü',
  'x:',
  'a,b',
  '(x)',
  'x\r',
  'x\n',
  '\tx',
  'content-length ',
  'Transfer-Encoding\t',
];
const oddValues = [
  '\0',
  'a\0b',
  'a\rb',
  'a\nb',
  '\x7f',
  '\x80\xff',
  '\x01',
  'a\r\n folded',
  'a\r\n\tfolded',
  '\x0b',
  '\x0c',
];
const spaces = ['', ' ', ' ', ' ', ' ', '  ', '\t', ' \t '];

export function lineEnd(random: SeededRandom): string {
  return random.once(400) ? random.pick(['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', '']) : '\r\n';
}

/** Field lines that say nothing of the length of a body. */
export function fieldLines(random: SeededRandom): string {
  let lines = '';
  for (let count = random.below(5); count > 0; count--) {
    const name = random.once(150) ? random.pick(oddNames) : random.pick(names);
    const value = random.once(120) ? random.pick(oddValues) : random.pick(values);
    const before = random.once(300) ? random.pick([' ', '\t']) : '';
    const behind = random.once(6) ? random.pick(spaces) : '';
    lines += `${name}${before}:${random.pick(spaces)}${value}${behind}${lineEnd(random)}`;
  }
  return lines;
}

/** The field lines that state the length of a body, and the body. */
export interface Framed {
  readonly lines: string;
  readonly body: string;
}

const contents = [
  '',
  '{}',
  'hello',
  '0\r\n\r\n',
  'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n',
  '\0\xff\r\n',
  'x'.repeat(70),
  'y'.repeat(700),
];
const lengthName = ['Content-Length', 'content-length', 'CONTENT-LENGTH'];
const codingName = ['Transfer-Encoding', 'transfer-encoding', 'TRANSFER-ENCODING'];

export function framed(random: SeededRandom): Framed {
  const content = random.pick(contents);
  switch (random.below(10)) {
    case 0:
    case 1:
      return { lines: '', body: '' };
    case 2:
    case 3:
    case 4:
      return { lines: field(random, random.pick(lengthName), String(content.length)), body: content };
    case 5:
    case 6:
    case 7:
      return { lines: field(random, random.pick(codingName), 'chunked'), body: chunked(random, content) };
    case 8:
      return { lines: oddLength(random, content), body: content };
    default:
      return { lines: oddCoding(random), body: chunked(random, content) };
  }
}

function field(random: SeededRandom, name: string, value: string): string {
  return `${name}:${random.pick(spaces)}${value}${random.once(8) ? random.pick(spaces) : ''}${lineEnd(random)}`;
}

function oddLength(random: SeededRandom, content: string): string {
  const { length } = content;
  const stated = random.pick([
    `+${length}`,
    `-${length}`,
    `0${length}`,
    `000000000000000000${length}`,
    ` ${length} `,
    `${length}, ${length}`,
    `${length},${length + 1}`,
    `0x${length.toString(16)}`,
    `${length}.0`,
    `${length} ${length}`,
    `${length + 1}`,
    `${Math.max(0, length - 1)}`,
    '',
    'a',
    '9007199254740993',
    '99999999999999999999',
    `${length};x`,
    `${length}\0`,
    `1e1`,
  ]);
  const line = field(random, random.pick(lengthName), stated);
  const second = random.pick(['', '', line, field(random, random.pick(codingName), 'chunked')]);
  return random.once(2) ? line + second : second + line;
}

function oddCoding(random: SeededRandom): string {
  const coding = random.pick([
    'chunked',
    'Chunked',
    'CHUNKED',
    'identity',
    'gzip, chunked',
    'chunked, identity',
    'chunked, chunked',
    'chunked,',
    ', chunked',
    'xchunked',
    'chunkedx',
    'chunked;q=1',
    '"chunked"',
    'chun ked',
    'chunked\t',
    '\x0bchunked',
    'chunked\0',
    '',
  ]);
  const line = field(random, random.pick(codingName), coding);
  return (
    line +
    random.pick([
      '',
      '',
      field(random, random.pick(codingName), 'identity'),
      field(random, 'Content-Length', '5'),
    ])
  );
}

function chunked(random: SeededRandom, content: string): string {
  let body = '';
  for (let at = 0; at < content.length; ) {
    const size = 1 + random.below(content.length - at);
    body += `${sizeLine(random, size)}${content.slice(at, at + size)}${lineEnd(random)}`;
    at += size;
  }
  const last = random.once(20) ? random.pick(['00', '000000000', '0;x', '0 ', '-0', '+0', '0x0', '']) : '0';
  const trailers = random.once(25)
    ? random.pick(['X: y\r\n', 'Content-Length: 5\r\n', 'x\r\n', ' folded\r\n'])
    : '';
  return `${body}${last}${lineEnd(random)}${trailers}${lineEnd(random)}`;
}

function sizeLine(random: SeededRandom, size: number): string {
  const digits = size.toString(16);
  if (!random.once(25)) return `${random.once(2) ? digits.toUpperCase() : digits}${lineEnd(random)}`;
  const odd = random.pick([
    `0${digits}`,
    `00000000${digits}`,
    `0x${digits}`,
    `+${digits}`,
    `-${digits}`,
    ` ${digits}`,
    `${digits} `,
    `${digits}\t`,
    `${digits};a=b`,
    `${digits};a="\r\n"`,
    `${digits} ; a`,
    `${digits};\n`,
    `1${digits}00000000`,
    'ffffffffffffffff',
    `${digits}g`,
    '',
  ]);
  return `${odd}${lineEnd(random)}`;
}
