import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { createQuestionBook } from './question-book.ts';

const question = (id: number, params: JsonObject = {}): JsonObject => ({
  jsonrpc: '2.0',
  id,
  method: 'roots/list',
  params,
});

test('T5 the same id of two servers is two questions, and each answer goes back once under its own id', () => {
  const book = createQuestionBook();
  const first = book.ask('first', question(1));
  const second = book.ask('second', question(1));
  assert.notEqual(first['id'], second['id']);
  const answer = { jsonrpc: '2.0', id: second['id'] ?? null, result: {} };
  assert.deepEqual(book.answer(answer), { server: 'second', message: { ...answer, id: 1 } });
  assert.equal(book.answer(answer), null);
  for (const id of [1, 'ask-99', null]) assert.equal(book.answer({ jsonrpc: '2.0', id, result: {} }), null);
});

test('T5 progress of an answer goes to the server that asked, under its own token, and only if it gave one', () => {
  const book = createQuestionBook();
  const asked = book.ask('first', question(1, { _meta: { progressToken: 'raw' } }));
  const silent = book.ask('first', question(2));
  const tell = (progressToken: Json) =>
    book.progress({
      method: 'notifications/progress',
      params: { progressToken, progress: 1 },
    });
  assert.deepEqual(tell(asked['id'] ?? null), {
    server: 'first',
    message: { method: 'notifications/progress', params: { progressToken: 'raw', progress: 1 } },
  });
  assert.equal(tell(silent['id'] ?? null), null);
  assert.equal(tell('raw'), null);
});

test('T5 questions that nobody answers do not pile up', () => {
  const book = createQuestionBook();
  const first = book.ask('first', question(0));
  for (let id = 1; id <= 1_000; id++) book.ask('first', question(id));
  assert.equal(book.answer({ jsonrpc: '2.0', id: first['id'] ?? null, result: {} }), null);
});
