import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLineCutter } from './line-cutter.ts';

function cut(chunks: readonly Uint8Array[], limit: number): { lines: string[]; tooLong: number } {
  const lines: string[] = [];
  let tooLong = 0;
  const cutter = createLineCutter(limit, {
    line: (line) => lines.push(line.toString()),
    tooLong: () => {
      tooLong += 1;
    },
  });
  for (const chunk of chunks) cutter.push(chunk);
  cutter.end();
  return { lines, tooLong };
}

test('T3 lines are the same however their octets arrive, and end with LF or CR LF', () => {
  const line = fc.string({ unit: 'grapheme' }).filter((text) => text.trim() !== '' && !/[\r\n]/.test(text));
  fc.assert(
    fc.property(fc.array(line), fc.constantFrom('\n', '\r\n'), fc.array(fc.nat()), (lines, end, cuts) => {
      const octets = Buffer.from(lines.map((text) => text + end).join(''));
      const places = [0, ...cuts.map((place) => place % (octets.length + 1)).sort((a, b) => a - b)];
      const chunks = places.map((from, at) => octets.subarray(from, places[at + 1] ?? octets.length));
      assert.deepEqual(cut(chunks, 10_000).lines, lines);
    }),
  );
});

test('T6 a line beyond the limit is told once and skipped; the next one is read', () => {
  const chunks = ['x'.repeat(60), 'x'.repeat(60), `y\n\n  \nnext\n${'z'.repeat(200)}`].map((text) =>
    Buffer.from(text),
  );
  assert.deepEqual(cut(chunks, 100), { lines: ['next'], tooLong: 2 });
});
