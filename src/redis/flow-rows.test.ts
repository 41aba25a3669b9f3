import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readFlowAnswer, writeUse } from './flow-rows.ts';

const use = fc.record({
  at: fc.integer({ min: 0 }),
  agent: fc.string(),
  server: fc.string(),
  method: fc.string(),
  target: fc.option(fc.string()),
  exchange: fc.string(),
});

test('A6 a use is read as it was written (property)', () => {
  fc.assert(
    fc.property(use, fc.option(fc.string()), (one, person) => {
      const answer = readFlowAnswer(['7.5', 1, 'private', '12.000', writeUse(person, one)], ['a', 'b']);
      const row = { party: { families: ['b'], person }, label: 'private', since: 12, use: { ...one } };
      assert.deepEqual(answer, { remembering: 7.5, rows: [row] });
    }),
  );
});

test('A6 whatever else a server says about flows is no answer, and never an error (property)', () => {
  const anything = fc.oneof(fc.anything(), fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(null))));
  fc.assert(
    fc.property(anything, (reply) => {
      const answer = readFlowAnswer(reply, ['a']);
      assert.ok(answer === null || Number.isFinite(answer.remembering));
    }),
  );
  const good = writeUse('p', {
    at: 1,
    agent: 'a',
    server: 's',
    method: 'm',
    target: null,
    exchange: 'e',
  });
  for (const reply of [
    [],
    ['x'],
    ['1', 0, 'private', '1'],
    ['1', 1, 'private', '1', good],
    ['1', -1, 'private', '1', good],
    ['1', '0', 'private', '1', good],
    ['1', 0, null, '1', good],
    ['1', 0, 'private', 'x', good],
    ['1', 0, 'private', '1', '{}'],
    ['1', 0, 'private', '1', good.replace('"at":1', '"at":"1"')],
    ['1', 0, 'private', '1', good.slice(1)],
    ['1', 0, 'private', '1', null],
  ]) {
    assert.equal(readFlowAnswer(reply, ['a']), null, JSON.stringify(reply));
  }
});
