import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTraceContext, traceParent } from './trace-context.ts';

const hex = (digits: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((text) => !/^0+$/.test(text));
const good = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('U7 a trace context is read as it was written', () => {
  fc.assert(
    fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
      const context = { traceId, spanId, sampled, state: null };
      assert.deepEqual(readTraceContext(traceParent(context), undefined), context);
    }),
  );
});

test('U7 what is not exactly a traceparent is none, whatever it is', () => {
  for (const wrong of [
    '',
    good.toUpperCase(),
    ` ${good}`,
    `${good} `,
    `${good}-more`,
    `${good}\r\nx: y`,
    good.replace('00-', 'ff-'),
    good.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32)),
    good.replace('b7ad6b7169203331', '0'.repeat(16)),
    good.slice(0, -1),
    good.replaceAll('-', '_'),
    `cc-${good.slice(3)}.more`,
    `cc-${good.slice(3)}-${'x'.repeat(300)}`,
    null,
    7,
    [good],
  ]) {
    assert.equal(readTraceContext(wrong, null), null, JSON.stringify(wrong));
  }
  assert.notEqual(readTraceContext(`cc-${good.slice(3)}-what-later-versions-have`, null), null);
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (parent, state) => {
      const read = readTraceContext(parent, state);
      if (read) assert.match(traceParent(read), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    }),
  );
});

test('U7 a tracestate that is longer or other than allowed is left out, and the context counts without it', () => {
  const stateOf = (state: unknown): string | null | undefined => readTraceContext(good, state)?.state;
  assert.equal(
    stateOf('congo=t61rcWkgMzE, rojo=00f067aa0ba902b7'),
    'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7',
  );
  assert.equal(stateOf('a@b=1'), 'a@b=1');
  for (const wrong of [
    '',
    'x',
    '=1',
    'a=1,a=2',
    'A=1',
    'a=\n',
    'a=1\r\nset-cookie: x',
    `a=${'x'.repeat(513)}`,
    Array.from({ length: 33 }, (_, at) => `k${at}=1`).join(','),
    ['a=1'],
  ]) {
    assert.equal(stateOf(wrong), null, JSON.stringify(wrong));
  }
});
