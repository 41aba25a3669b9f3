import { fieldLines, framed, lineEnd } from './message-parts.ts';
import { cut, mutate } from './octets-of-connection.ts';
import type { SeededRandom } from './seeded-random.ts';

/** One request that was sent on a connection and what its server sends until it could be asked again. */
export interface Turn {
  readonly method: 'GET' | 'POST' | 'HEAD';
  readonly pieces: readonly Buffer[];
}

const statuses = [200, 200, 200, 202, 204, 304, 400, 404, 500];
const oddStatuses = [
  '100',
  '101',
  '102',
  '103',
  '150',
  '199',
  '205',
  '000',
  '099',
  '600',
  '999',
  '2000',
  '20',
  '',
  '-20',
  '+200',
  '2 0',
  '2e1',
];
const reasons = [' OK', ' OK', ' ', '', ' Not \xe9', ' a\tb'];
const oddReasons = [' \0', ' a\rb', '\tOK', ' \x7f', '  ', ' \x01'];
const oddVersions = [
  'HTTP/1.0',
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/2.0',
  'http/1.1',
  'HTTP/1.2',
  'ICY',
  ' HTTP/1.1',
  'HTTP/1.1\t',
  'HTTP/11',
];

/** What one server sends on one connection, answer by answer; some are the one before again. */
export function generateResponses(random: SeededRandom): readonly Turn[] {
  const turns: Turn[] = [];
  let last: { readonly method: Turn['method']; readonly text: string } | null = null;
  for (let count = 1 + random.below(3); count > 0; count--) {
    const method = random.pick(['GET', 'POST', 'POST', 'HEAD'] as const);
    const interim = random.once(12) ? interimResponse(random) : '';
    // Sometimes more than was asked for, in one go.
    const unasked = random.once(15) ? response(random, method) : '';
    const text: string = last?.method === method && random.once(2) ? last.text : response(random, method);
    last = { method, text };
    const octets = Buffer.from(interim + text + unasked, 'latin1');
    turns.push({ method, pieces: cut(random.once(3) ? mutate(octets, random) : octets, random) });
  }
  return turns;
}

function interimResponse(random: SeededRandom): string {
  const status = random.pick(['100 Continue', '102 Processing', '103 Early Hints', '150 x', '100']);
  const lines = random.once(3) ? framed(random).lines : fieldLines(random);
  const version = random.once(10) ? 'HTTP/1.0' : 'HTTP/1.1';
  return `${version} ${status}\r\n${random.once(2) ? '' : lines}\r\n`;
}

function response(random: SeededRandom, method: Turn['method']): string {
  const version = random.once(25) ? random.pick(oddVersions) : 'HTTP/1.1';
  const status = random.once(50) ? random.pick(oddStatuses) : String(random.pick(statuses));
  const reason = random.once(60) ? random.pick(oddReasons) : random.pick(reasons);
  const space = random.once(200) ? random.pick(['  ', '\t', '', '\r']) : ' ';
  const { lines, body } = framed(random);
  const [before, behind] = random.once(2) ? [lines, fieldLines(random)] : [fieldLines(random), lines];
  const bodyless = method === 'HEAD' || status === '204' || status === '304';
  const sent = bodyless && !random.once(10) ? '' : body;
  return `${version}${space}${status}${reason}${lineEnd(random)}${before}${behind}${lineEnd(random)}${sent}`;
}
