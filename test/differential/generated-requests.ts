import { fieldLines, framed, lineEnd } from './message-parts.ts';
import { cut, mutate } from './octets-of-connection.ts';
import type { SeededRandom } from './seeded-random.ts';

const methods = ['POST', 'POST', 'POST', 'GET', 'DELETE', 'OPTIONS', 'HEAD', 'PUT', 'PATCH'];
const oddMethods = [
  'get',
  'CONNECT',
  'TRACE',
  'PRI',
  'M-SEARCH',
  '',
  'G\0T',
  'GET\t',
  ' GET',
  'QUERY',
  'SOURCE',
  'POST\r\n',
];
const targets = ['/mcp/files', '/mcp', '/', '/a?b=c', '/?', '/%2e%2e/x', '//h/x', '/a;b', '/a|b"<>^`{}\\'];
const oddTargets = [
  '*',
  'http://h/x',
  'h:443',
  '/a b',
  '/\0',
  '/\x7f',
  '/\xe9',
  '/a#b',
  '',
  '?x',
  '\\x',
  '/\t',
  'HTTP/1.1',
  '/\x0b',
];
const versions = [
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/2.0',
  'http/1.1',
  'HTTP/1.1 ',
  'HTTP/1.10',
  'HTTP/1',
  'HTTP/1.2',
  'ICE/1.1',
  'RTSP/1.0',
  '',
];
const hosts = ['Host: localhost', 'host: localhost:8443', 'HOST:localhost', 'Host:\tlocalhost '];
const oddHosts = [
  '',
  'Host: a\r\nHost: a',
  'Host:',
  'Host : a',
  'Host: a b',
  'Host: a, b',
  ' Host: a',
  'Host: \xe9',
];

/** What one client sends on one connection: one to three requests, good ones and others; some are the one before again. */
export function generateRequests(random: SeededRandom): readonly Buffer[] {
  let text = random.once(60) ? random.pick(['\r\n', '\n', '\r', ' ', '\0']) : '';
  let last = '';
  for (let count = 1 + random.below(3); count > 0; count--) {
    last = last !== '' && random.once(3) ? last : request(random);
    text += last;
  }
  const octets = Buffer.from(text, 'latin1');
  return cut(random.once(3) ? mutate(octets, random) : octets, random);
}

function request(random: SeededRandom): string {
  const method = random.once(60) ? random.pick(oddMethods) : random.pick(methods);
  const target = random.once(60) ? random.pick(oddTargets) : random.pick(targets);
  const version = random.once(60) ? random.pick(versions) : 'HTTP/1.1';
  const space = random.once(200) ? random.pick(['  ', '\t', '', '\x0b', '\x0c', '\r', '\xa0']) : ' ';
  const host = random.once(60) ? random.pick(oddHosts) : random.pick(hosts);
  const { lines, body } = framed(random);
  const [before, behind] = random.once(2) ? [lines, fieldLines(random)] : [fieldLines(random), lines];
  const hostLine = host === '' ? '' : `${host}${lineEnd(random)}`;
  return `${method}${space}${target}${space}${version}${lineEnd(random)}${hostLine}${before}${behind}${lineEnd(random)}${body}`;
}
