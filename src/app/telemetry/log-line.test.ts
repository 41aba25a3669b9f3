import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { logFormat, logLine } from './log-line.ts';

const json = { format: 'json', level: 'info' } as const;
const now = Date.UTC(2026, 10, 26, 22, 57, 22);

test('U7 a line in JSON has the time in UTC, the level, the event and the words', () => {
  assert.deepEqual(JSON.parse(logLine('The feed of https://a broke (x).', json, now) ?? ''), {
    time: '2026-11-26T22:57:22.000Z',
    level: 'warning',
    event: 'feed.broke',
    message: 'The feed of https://a broke (x).',
  });
});

test('U7 a line for the journal has its priority and the name of the event in front, each line of it', () => {
  const written = logLine('A request failed inside: one\ntwo', { format: 'journald', level: 'info' }, now);
  assert.equal(written, '<3>request.failed: A request failed inside: one\n<3>request.failed: two');
});

test('U7 what matters less than the level is not written', () => {
  assert.equal(logLine('Server files: hello', { format: 'text', level: 'notice' }, now), null);
  assert.equal(
    logLine('Policies in force: a.', { format: 'text', level: 'notice' }, now),
    'Policies in force: a.',
  );
  assert.equal(logLine('Policies in force: a.', { format: 'text', level: 'warning' }, now), null);
});

test('U7 nothing in a line begins another event, colours a terminal or turns the order of reading', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = logLine(text, json, now) ?? '';
      assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
      assert.equal((JSON.parse(line) as { message: string }).message.toWellFormed(), text.toWellFormed());
      for (const one of (logLine(text, { format: 'journald', level: 'info' }, now) ?? '').split('\n')) {
        assert.match(one, /^<[3-6]>[\w.-]+: [^\p{Cc}\p{Cf}]*$/u);
      }
    }),
  );
  const hostile = 'Server files: \u001b[31mred\r\n<0>kernel: panic\u202e';
  const forged = logLine(hostile, { format: 'journald', level: 'info' }, now)?.split('\n') ?? [];
  assert.deepEqual(forged, [
    '<6>server.said: Server files: \\u{1b}[31mred\\u{d}',
    '<6>server.said: <0>kernel: panic\\u{202e}',
  ]);
});

test('U7 the journal gets priorities where standard error goes to it, and a terminal gets words', () => {
  assert.equal(logFormat('auto', { isTty: false, env: { JOURNAL_STREAM: '8:1' } }), 'journald');
  assert.equal(logFormat('auto', { isTty: true, env: { JOURNAL_STREAM: '8:1' } }), 'text');
  assert.equal(logFormat('auto', { isTty: false, env: {} }), 'text');
  assert.equal(logFormat('json', { isTty: true, env: {} }), 'json');
});
