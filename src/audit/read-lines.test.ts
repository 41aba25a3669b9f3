import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from './log.fixture.ts';
import { type Line, readLines } from './read-lines.ts';

test('S4 the lines of a file are those between its line breaks, whatever part is read', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  const parts = fc.array(fc.constantFrom('a', 'ä€', '\u{feff}', '\r', '\n', 'x'.repeat(70_000)), {
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(parts, fc.nat(20), fc.nat(), async (words, start, cut) => {
      const text = 'z'.repeat(20) + words.join('');
      await writeFile(path, text);
      const end = Math.max(start, Buffer.byteLength(text) - (/[\n\ra]$/.test(text) ? cut % 2 : 0));
      const part = Buffer.from(text).subarray(start, end).toString();
      const lines = await collect(path, { start, end });
      const pieces = part.split('\n');
      assert.deepEqual(
        lines.map((line) => line.text),
        pieces.at(-1) === '' ? pieces.slice(0, -1) : pieces,
      );
      assert.equal(lines.at(-1)?.whole ?? true, pieces.at(-1) === '');
    }),
    { numRuns: 60 },
  );
});

test('S4 a line that is not UTF-8 has no text, so that nothing else has its hash', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, Buffer.from([0x61, 0x0a, 0xff, 0x0a, 0x62, 0x0a]));
  assert.deepEqual(
    (await collect(path)).map(({ text }) => text),
    ['a', null, 'b'],
  );
});

test('S4 reading ends at a line longer than an entry may be, before all of it was read', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, Buffer.concat([Buffer.from('a\n'), Buffer.alloc(24 * 1024 * 1024, 0x61)]));
  const [first, second, ...rest] = await collect(path);
  assert.deepEqual([first?.text, second?.text, rest.length], ['a', null, 0]);
  assert.ok((second?.octets ?? 0) < 17 * 1024 * 1024);
});

async function collect(path: string, part?: Parameters<typeof readLines>[1]): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(path, part)) lines.push(line);
  return lines;
}
