import type { SeededRandom } from './seeded-random.ts';

/** Cuts octets at every place, at a few, or not at all. */
export function cut(octets: Buffer, random: SeededRandom): readonly Buffer[] {
  if (octets.length < 2 || random.once(4)) return [octets];
  if (random.once(50)) return everyOctet(octets);
  const places = new Set<number>();
  for (let count = 1 + random.below(3); count > 0; count--) places.add(1 + random.below(octets.length - 1));
  return cutAt(octets, [...places]);
}

export function everyOctet(octets: Buffer): readonly Buffer[] {
  return Array.from(octets, (_octet, at) => octets.subarray(at, at + 1));
}

/** Cuts before each of the given octets; those outside cut nothing. */
export function cutAt(octets: Buffer, places: readonly number[]): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const place of places.toSorted((a, b) => a - b)) {
    if (place <= from || place >= octets.length) continue;
    pieces.push(octets.subarray(from, place));
    from = place;
  }
  pieces.push(octets.subarray(from));
  return pieces;
}

const hostileOctets = [
  0x00, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1f, 0x20, 0x22, 0x23, 0x2b, 0x2c, 0x2d, 0x30, 0x3a, 0x3b, 0x5f, 0x7f,
  0x80, 0x85, 0xa0, 0xff,
] as const;
const hostileRuns = [
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '\n',
  '\r',
  ' ',
  '\t',
  ': ',
  '0\r\n\r\n',
  ' HTTP/1.1',
  ';x',
  ',',
  '\0',
];

/** Changes octets in one to four places: other octets, fewer, more, the same again, cut off. */
export function mutate(octets: Buffer, random: SeededRandom): Buffer {
  let text = octets;
  for (let times = 1 + random.below(4); times > 0 && text.length > 0; times--)
    text = mutateOnce(text, random);
  return text;
}

function mutateOnce(octets: Buffer, random: SeededRandom): Buffer {
  const at = random.below(octets.length);
  const before = octets.subarray(0, at);
  const after = octets.subarray(at);
  switch (random.below(8)) {
    case 0:
      return Buffer.concat([before, Buffer.of(random.pick(hostileOctets)), octets.subarray(at + 1)]);
    case 1:
      return Buffer.concat([before, Buffer.of(random.pick(hostileOctets)), after]);
    case 2:
      return Buffer.concat([before, octets.subarray(at + 1 + random.below(3))]);
    case 3:
      return Buffer.concat([
        before,
        Buffer.of((octets[at] ?? 0) ^ (1 << random.below(8))),
        octets.subarray(at + 1),
      ]);
    case 4:
      return Buffer.concat([before, Buffer.from(random.pick(hostileRuns), 'latin1'), after]);
    case 5: {
      // A part of it once more.
      const from = random.below(octets.length);
      return Buffer.concat([before, octets.subarray(from, from + 1 + random.below(40)), after]);
    }
    case 6:
      return mutateLineEnd(octets, random) ?? before;
    default:
      return random.once(3)
        ? before
        : Buffer.concat([before, Buffer.of(random.below(256)), octets.subarray(at + 1)]);
  }
}

/** Another end of one of the lines; null when there is no line. */
function mutateLineEnd(octets: Buffer, random: SeededRandom): Buffer | null {
  const end = octets.indexOf('\r\n', random.below(octets.length));
  if (end === -1) return null;
  const other = random.pick(['\n', '\r', '\r\r\n', '\n\r', '\r\n ', '\r\n\t', ' \r\n', '']);
  return Buffer.concat([octets.subarray(0, end), Buffer.from(other, 'latin1'), octets.subarray(end + 2)]);
}
