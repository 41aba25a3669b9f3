import { test } from 'node:test';
import { createCallNews } from './call-news.ts';

const forever = new AbortController().signal;
const long = 60_000;

test('A4 whoever waits for a decision is woken by it, also when it came a moment before they began to wait', async () => {
  const news = createCallNews();
  const both = Promise.all([news.decided('a', long, forever), news.decided('a', long, forever)]);
  news.heard(['b', 'a']);
  await both;
  await news.decided('b', long, forever);
});

test('A4 nobody waits longer than told, nor for a client that has left', async () => {
  const news = createCallNews();
  await news.decided('a', 0, forever);
  await news.decided('a', 1, forever);
  const gone = new AbortController();
  const waiting = news.decided('a', long, gone.signal);
  gone.abort();
  await waiting;
  await news.decided('a', long, gone.signal);
});
