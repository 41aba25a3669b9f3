import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, type Json } from '../kernel/canonical-json.ts';
import { entryLine, entryTime, genesis, readEntry } from './entry.ts';
import { isFault } from './log.fixture.ts';

const line = entryLine(3, entryTime(0), genesis('a'), '{"type":"log.opened"}');

test('S4 the line of an entry is exactly this', () => {
  assert.equal(
    line,
    '{"event":{"type":"log.opened"},"index":3,"previous":"AtT3RWm6hWwiMQ9fkajLio4HYuzm67v8kJddlrzniZw","time":"1970-01-01T00:00:00.000Z"}',
  );
});

test('S4 the line of any event is canonical JSON and reads back', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(), (fields, index) => {
      const event = { ...(fields as Record<string, Json>), type: 'call.permitted' };
      const written = entryLine(index, entryTime(index), genesis('a'), canonicalJson(event));
      const entry = readEntry(written);
      assert.equal(entry.index, index);
      assert.equal(canonicalJson({ ...entry }), written);
    }),
  );
});

test('S4 a line that is not the canonical form of an entry is refused', () => {
  const wrong = [
    '',
    '{',
    '[]',
    'null',
    ` ${line}`,
    line.replace(',', ', '),
    line.replace('log.opened', 'log\\u002eopened'),
    line.replace('"index":3', '"index":3.0'),
    line.replace('"index":3', '"index":"3"'),
    line.replace('"index":3,', ''),
    line.replace('"index":3', '"index":3,"more":1'),
    line.replace('{"type":"log.opened"}', '{}'),
    line.replace('{"type":"log.opened"}', '[]'),
    line.replace('1970-01-01T00:00:00.000Z', '1970-01-01'),
    line.replace('{"type":', '{"type":"log.closed","type":'),
  ];
  for (const text of wrong) assert.throws(() => readEntry(text), isFault('audit_broken'), text);
});
