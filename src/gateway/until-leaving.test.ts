import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createChunkQueue } from '../http/chunk-queue.ts';
import { utf8 } from '../kernel/bytes.ts';
import { untilLeaving } from './until-leaving.ts';

/** What comes of the pieces when the gateway leaves after the first `before`, and whether their source was told to stop. */
async function read(pieces: readonly string[], before: number): Promise<{ text: string; left: boolean }> {
  const leaving = new AbortController();
  let left = false;
  const queue = createChunkQueue({ onLeft: () => (left = true) });
  const reading = untilLeaving(queue.chunks, leaving.signal);
  let text = '';
  const done = (async () => {
    for await (const piece of reading) text += Buffer.from(piece).toString();
  })();
  for (const [at, piece] of pieces.entries()) {
    if (at === before) leaving.abort();
    queue.push(utf8(piece));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  if (before >= pieces.length) leaving.abort();
  await done;
  return { text, left };
}

test('U7 a stream without an end stops between two events when the gateway leaves', async () => {
  assert.deepEqual(await read(['data: a\n\n', 'data: b\n\n'], 1), { text: 'data: a\n\n', left: true });
  assert.deepEqual(await read(['data: a\r\n\r\n'], 1), { text: 'data: a\r\n\r\n', left: true });
  assert.deepEqual(await read([': hi\n', '\n', 'data: b\n\n'], 2), { text: ': hi\n\n', left: true });
});

test('U7 an event that has begun comes to its end first', async () => {
  const pieces = ['data: a\n\nda', 'ta: b\n', '\n', 'data: c\n\n'];
  assert.deepEqual(await read(pieces, 1), { text: 'data: a\n\ndata: b\n\n', left: true });
  assert.deepEqual(await read(['data: a\r\n', 'data: b\r\n\r\n', 'x\n\n'], 1), {
    text: 'data: a\r\ndata: b\r\n\r\n',
    left: true,
  });
});

test('U7 a stream that is opened while the gateway leaves ends before its first event', async () => {
  assert.deepEqual(await read(['data: a\n\n'], 0), { text: '', left: true });
});
