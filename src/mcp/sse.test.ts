import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { utf8 } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { createSseDecoder, encodeSseEvent, type SseEvent } from './sse.ts';

function decode(text: string, cuts: readonly number[] = []): readonly SseEvent[] {
  const bytes = utf8(text);
  const decoder = createSseDecoder();
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).flatMap((end, at) => decoder.push(bytes.subarray(places[at], end)));
}

test('T3 reads fields, joined data lines, comments and retry of an event stream', () => {
  const text = ':alive\n\nid: 1\nevent: message\ndata: {"a":\ndata: 1}\nretry: 500\n\ndata\n\n';
  assert.deepEqual(decode(text), [
    { id: null, event: null, data: null, retry: null, comment: 'alive' },
    { id: '1', event: 'message', data: '{"a":\n1}', retry: 500, comment: null },
    { id: null, event: null, data: '', retry: null, comment: null },
  ]);
});

test('T3 line ends may be LF, CRLF or CR', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const text = `data: x${end}${end}data: y${end}${end}:${end}${end}`;
    const data = decode(`${text}data: z${end}${end}`).map((event) => event.data);
    assert.deepEqual(data.slice(0, 2), ['x', 'y'], JSON.stringify(end));
  }
});

test('T3 CRLF ends one line, so the fields of an event stay together', () => {
  const text = 'event: endpoint\r\nid: 1\r\ndata: {\r\ndata: }\r\n\r\n: alive\r\n\r\n';
  const expected = [
    { id: '1', event: 'endpoint', data: '{\n}', retry: null, comment: null },
    { id: null, event: null, data: null, retry: null, comment: 'alive' },
  ];
  for (let cut = 0; cut <= text.length; cut++)
    assert.deepEqual(decode(text, [cut]), expected, `cut at ${cut}`);
});

test('T3 a stream reads the same whatever ends its lines and however it is cut into pieces', () => {
  const events = fc.array(
    fc.record(
      {
        id: fc.option(fc.stringMatching(/^[a-z0-9]{1,8}$/)),
        event: fc.option(fc.constantFrom('message', 'ping')),
        data: fc.option(fc.string({ unit: 'grapheme' }).filter((text) => !/[\r]/.test(text))),
        retry: fc.option(fc.nat(100_000)),
        comment: fc.constant(null),
      },
      { noNullPrototype: true },
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(events, fc.array(fc.nat()), fc.constantFrom('\n', '\r\n', '\r'), (given, cuts, end) => {
      const shown = given.filter(
        ({ id, event, data, retry }) => id !== null || event !== null || data !== null || retry !== null,
      );
      const text = shown.map(encodeSseEvent).join('').replaceAll('\n', end);
      // Whether a CR is a whole end is known with what follows.
      assert.deepEqual(decode(`${text}:`, cuts), shown);
    }),
  );
});

test('T3 the time to read a large event grows with its size and not with its square', () => {
  const piece = utf8('x'.repeat(1_000));
  const decoder = createSseDecoder();
  const began = process.cpuUsage();
  for (let read = 0; read < 10_000; read++) assert.deepEqual(decoder.push(piece), []);
  const { user } = process.cpuUsage(began);
  assert.equal(decoder.push(utf8('\n\n')).length, 1);
  assert.ok(user < 1_000_000, `${user} µs of CPU for 10 MB`);
});

test('T6 a block beyond the limit is a fault, not memory', () => {
  const decoder = createSseDecoder(1_000);
  assert.throws(
    () => decoder.push(utf8(`data: ${'x'.repeat(2_000)}`)),
    (error) => error instanceof Fault && error.code === 'upstream_too_large',
  );
});
