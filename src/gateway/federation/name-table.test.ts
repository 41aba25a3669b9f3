import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNameTable, type NamePage, visible } from './name-table.ts';

const page = (names: readonly string[], more: Partial<NamePage> = {}): NamePage => ({
  server: 'files',
  kind: 'tool',
  cursor: null,
  last: true,
  names,
  ...more,
});

test('T5 a name that was listed is found by the name it was shown under, and no other is', () => {
  const table = createNameTable();
  table.take(page(['read', 'write']));
  table.take(page(['send'], { server: 'mail' }));
  assert.deepEqual(table.find('tool', 'files__read'), {
    real: { server: 'files', name: 'read' },
    refused: null,
  });
  assert.equal(table.find('tool', 'files__send'), null);
  assert.equal(table.find('prompt', 'files__read'), null);
  assert.equal(table.find('tool', 'read'), null);
});

test('T5 two names that look alike are both refused, on one page and across pages, until one is gone', () => {
  const table = createNameTable();
  const told = table.take(page(['read', 'other', 'Read']));
  assert.match(told.get('read')?.refused ?? '', /files__Read/);
  assert.match(told.get('Read')?.refused ?? '', /files__read/);
  assert.equal(told.get('other')?.refused, null);
  table.take(page(['read', 'other']));
  assert.equal(table.find('tool', 'files__read')?.refused, null);
  table.take(page(['read_file'], { last: false }));
  table.take(page(['read-file'], { cursor: '2' }));
  assert.notEqual(table.find('tool', 'files__read_file')?.refused, null);
  assert.notEqual(table.find('tool', 'files__read-file')?.refused, null);
});

test('T5 a name that deceives by itself is refused alone and takes no honest one along', () => {
  const told = createNameTable().take(page(['read', 'rеad', 'read\u200b']));
  assert.equal(told.get('read')?.refused, null);
  assert.notEqual(told.get('rеad')?.refused, null);
  assert.notEqual(told.get('read\u200b')?.refused, null);
});

test('T5 a name that a server gives to two things is refused; a page that is read again is not a second thing', () => {
  const table = createNameTable();
  assert.notEqual(table.take(page(['read', 'read'])).get('read')?.refused, null);
  table.take(page(['read'], { last: false }));
  table.take(page(['more'], { cursor: '2' }));
  table.take(page(['more'], { cursor: '2' }));
  assert.equal(table.find('tool', 'files__more')?.refused, null);
  table.take(page(['read'], { last: false }));
  table.take(page(['read'], { cursor: '2' }));
  assert.notEqual(table.find('tool', 'files__read')?.refused, null);
});

test('T5 names of an earlier reading stay until the new one is complete, then go', () => {
  const table = createNameTable();
  table.take(page(['a', 'b']));
  table.take(page(['a'], { last: false }));
  assert.ok(table.find('tool', 'files__b'));
  table.take(page(['c'], { cursor: '2' }));
  assert.equal(table.find('tool', 'files__b'), null);
  assert.ok(table.find('tool', 'files__a'));
});

test('T5 a server that was taken away takes its names along', () => {
  const table = createNameTable();
  table.take(page(['a']));
  table.take(page(['a'], { server: 'mail' }));
  table.keep(new Set(['mail']));
  assert.equal(table.find('tool', 'files__a'), null);
  assert.ok(table.find('tool', 'mail__a'));
});

test('T5 a server cannot fill the memory with names; those beyond the cap are refused', () => {
  const table = createNameTable();
  const names = Array.from({ length: 10_001 }, (_, at) => `tool${'abcdefghjk'[at % 10]}${at}x`);
  const told = table.take(page(names));
  assert.match(told.get(names.at(-1) ?? '')?.refused ?? '', /too many/);
  assert.equal(told.get(names[0] ?? '')?.refused, null);
});

test('T5 a note spells out what cannot be seen', () => {
  assert.equal(visible('rеad\u200b'), '"r\\u{435}ad\\u{200b}"');
});
