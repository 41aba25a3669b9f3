import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMergedStream, keepFollowing } from './merged-stream.ts';
import type { Sink } from './sink.ts';

const leaving = new AbortController().signal;

function gathered(): Sink & { readonly events: string[] } {
  const events: string[] = [];
  return {
    events,
    whole: () => Promise.resolve(),
    event: async ({ data }) => void events.push(data ?? ''),
    end: () => Promise.resolve(),
    abort: () => undefined,
  };
}

test('T5 a server that breaks ends its own part of the stream and no other’s', async () => {
  const sink = gathered();
  const closing = new AbortController();
  const lines: string[] = [];
  const stream = createMergedStream(sink, closing.signal, {
    silentMilliseconds: 60_000,
    leaving,
    log: (line) => lines.push(line),
  });
  stream.attach('bad', () => Promise.reject(new Error('broken')));
  stream.attach('good', async (signal) => {
    await stream.send({ data: 'good' });
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  });
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(sink.events, ['good']);
  assert.match(lines.join(), /bad.*broken/);
  closing.abort();
  await stream.over;
  await stream.send({ data: 'late' });
  assert.deepEqual(sink.events, ['good']);
});

test('T7 comments keep a silent stream alive for a while and not for ever, and every event begins that while anew', async () => {
  const sink = gathered();
  const { signal } = new AbortController();
  const begun = performance.now();
  const stream = createMergedStream(sink, signal, { silentMilliseconds: 200, leaving, log: () => undefined });
  await new Promise((resolve) => setTimeout(resolve, 120));
  await stream.send({ data: 'news' });
  await stream.over;
  assert.ok(performance.now() - begun >= 310);
  assert.ok(sink.events.filter((data) => data === '').length >= 3, 'comments');
});

test('T5 a server is followed once, until it is not kept', async () => {
  const closing = new AbortController();
  const stream = createMergedStream(gathered(), closing.signal, {
    silentMilliseconds: 60_000,
    leaving,
    log: () => undefined,
  });
  const ended: string[] = [];
  const follow = (name: string) => async (signal: AbortSignal) => {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    ended.push(name);
  };
  stream.attach('a', follow('first'));
  stream.attach('a', follow('second'));
  stream.attach('b', follow('third'));
  stream.keep(new Set(['b']));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(ended, ['first']);
  stream.close();
  await stream.over;
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(ended, ['first', 'third']);
  stream.attach('c', follow('fourth'));
  assert.deepEqual(ended, ['first', 'third']);
});

test('T5 what ends is followed again after the wait it asks for, and what has nothing to follow never', async () => {
  const stopping = new AbortController();
  const begun = performance.now();
  let attempts = 0;
  await keepFollowing(async () => {
    attempts += 1;
    return attempts === 3 ? 'never' : { heard: true, retry: 100 };
  }, stopping.signal);
  assert.equal(attempts, 3);
  assert.ok(performance.now() - begun >= 190);
  const waiting = keepFollowing(async () => ({ heard: false, retry: null }), stopping.signal);
  setTimeout(() => stopping.abort(), 10);
  await waiting;
});
