import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createChunkQueue } from './chunk-queue.ts';

const chunk = (text: string): Uint8Array => Buffer.from(text);

async function read(chunks: AsyncIterable<Uint8Array>, into: string[]): Promise<void> {
  for await (const each of chunks) into.push(Buffer.from(each).toString());
}

describe('T3 chunks between one that pushes and one that reads', () => {
  test('come in order, whether they waited or were waited for, and then the end', async () => {
    const queue = createChunkQueue();
    const seen: string[] = [];
    queue.push(chunk('a'));
    queue.push(chunk('b'));
    const reading = read(queue.chunks, seen);
    await new Promise(setImmediate);
    queue.push(chunk('c'));
    queue.push(chunk('d'));
    queue.end();
    queue.push(chunk('too late'));
    await reading;
    assert.deepEqual(seen, ['a', 'b', 'c', 'd']);
    assert.equal(queue.ended, true);
  });

  test('a failure comes behind what was pushed before it, once', async () => {
    const queue = createChunkQueue();
    const seen: string[] = [];
    queue.push(chunk('a'));
    queue.fail(new Error('broken'));
    queue.fail(new Error('again'));
    await assert.rejects(read(queue.chunks, seen), /broken/);
    assert.deepEqual(seen, ['a']);
    assert.deepEqual(await queue.chunks.next(), { done: true, value: undefined });
  });

  test('a failure reaches a reader that waits', async () => {
    const queue = createChunkQueue();
    const reading = read(queue.chunks, []);
    await new Promise(setImmediate);
    queue.fail(new Error('broken'));
    await assert.rejects(reading, /broken/);
  });

  test('what waits is counted, and its end is told each time the reader wants more', async () => {
    let drained = 0;
    const queue = createChunkQueue({ onDrained: () => (drained += 1) });
    queue.push(chunk('four'));
    queue.push(chunk('six...'));
    assert.equal(queue.size, 10);
    await queue.chunks.next();
    assert.deepEqual([queue.size, drained], [6, 0]);
    await queue.chunks.next();
    const waiting = queue.chunks.next();
    assert.deepEqual([queue.size, drained], [0, 1]);
    queue.push(chunk('straight to the reader'));
    assert.equal(queue.size, 0);
    assert.equal((await waiting).done, false);
  });

  test('a reader that leaves is told of once, keeps nothing, and ends the pushing', async () => {
    let left = 0;
    const queue = createChunkQueue({ onLeft: () => (left += 1) });
    queue.push(chunk('a'));
    queue.push(chunk('b'));
    for await (const _ of queue.chunks) break;
    await queue.chunks.return?.();
    queue.push(chunk('c'));
    assert.deepEqual([left, queue.size, queue.ended], [1, 0, true]);
    assert.deepEqual(await queue.chunks.next(), { done: true, value: undefined });
  });

  test('a reader that left while it waited gets the end', async () => {
    const queue = createChunkQueue();
    const waiting = queue.chunks.next();
    await queue.chunks.return?.();
    assert.deepEqual(await waiting, { done: true, value: undefined });
  });

  test('a second reader is refused', async () => {
    const queue = createChunkQueue();
    const first = queue.chunks.next();
    await assert.rejects(queue.chunks.next(), TypeError);
    queue.push(chunk('a'));
    assert.equal((await first).done, false);
  });

  test('a reader that came to the end has not left', async () => {
    let left = 0;
    const queue = createChunkQueue({ onLeft: () => (left += 1) });
    queue.end();
    await read(queue.chunks, []);
    await queue.chunks.return?.();
    assert.equal(left, 0);
  });
});
