import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChunkReader } from './chunk-reader.ts';
import { NotHttp } from './not-http.ts';

/** What a reader takes from pieces: the content, and the octets that belong to the body. */
function read(pieces: readonly Buffer[]): {
  readonly content: string;
  readonly taken: number;
  readonly ended: boolean;
} {
  const reader = new ChunkReader();
  let content = '';
  let taken = 0;
  for (const piece of pieces) {
    taken += reader.take(piece, (part) => {
      content += Buffer.from(part).toString('latin1');
    });
  }
  return { content, taken, ended: reader.ended };
}

function octets(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

test('T6 whatever the content, its chunks and the cuts, the content comes out and nothing behind its end is touched', () => {
  const parts = fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 700 }), { maxLength: 5 });
  fc.assert(
    fc.property(parts, fc.array(fc.nat({ max: 3_000 })), fc.string(), (chunks, cuts, rest) => {
      const content = chunks.map((chunk) => Buffer.from(chunk).toString('latin1'));
      const coded = `${content.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
      const whole = Buffer.concat([octets(coded), Buffer.from(rest)]);
      const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
      const pieces = places.slice(1).map((place, at) => whole.subarray(places[at], place));
      assert.deepEqual(read(pieces), { content: content.join(''), taken: coded.length, ended: true });
    }),
  );
});

test('T6 a body that is cut off anywhere has not ended', () => {
  const coded = '3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n';
  for (let length = 0; length < coded.length; length++) {
    assert.equal(read([octets(coded.slice(0, length))]).ended, false, String(length));
  }
});

for (const [name, body] of Object.entries({
  'an extension': '1;a=b\r\nx\r\n0\r\n\r\n',
  'an extension without a name': '1;\r\nx\r\n0\r\n\r\n',
  'an extension of the last chunk': '0;a\r\n\r\n',
  'a trailer': '0\r\nx: y\r\n\r\n',
  'a sign': '+1\r\nx\r\n0\r\n\r\n',
  'a prefix': '0x1\r\nx\r\n0\r\n\r\n',
  'white space before the size': ' 1\r\nx\r\n0\r\n\r\n',
  'white space behind the size': '1 \r\nx\r\n0\r\n\r\n',
  'no size': '\r\nx\r\n0\r\n\r\n',
  'a size that is no number': 'g\r\n',
  'a size of nine digits': '000000001\r\nx\r\n0\r\n\r\n',
  'a size behind LF alone': '1\nx\r\n0\r\n\r\n',
  'a size behind CR alone': '1\rx\r\n0\r\n\r\n',
  'more content than its size': '1\r\nxy\r\n0\r\n\r\n',
  'content that ends with LF alone': '1\r\nx\n0\r\n\r\n',
  'an end of LF alone': '0\r\n\n',
})) {
  test(`T6 chunks with ${name} are refused, whole and octet by octet`, () => {
    assert.throws(() => read([octets(body)]), NotHttp);
    assert.throws(() => read(Array.from(octets(body), (octet) => Buffer.of(octet))), NotHttp);
  });
}
