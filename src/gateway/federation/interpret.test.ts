import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../kernel/canonical-json.ts';
import { interpret, type Interpreter, interpretText } from './interpret.ts';
import { createQuestionBook } from './question-book.ts';

const modern: Interpreter = {
  server: 'files',
  questions: null,
  heard: [{ id: 5, progressToken: 'p' }],
};
const legacy = (): Interpreter => ({ ...modern, questions: createQuestionBook() });
const response = (id: Json, result: Json = { content: [] }): Json => ({ jsonrpc: '2.0', id, result });
const notification = (method: string, params: Json): Json => ({ jsonrpc: '2.0', method, params });

test('law 5 a server answers the request it was asked and no other, in whatever form it tries', () => {
  for (const interpreter of [
    modern,
    legacy(),
    { ...modern, heard: [{ id: undefined, progressToken: 'p' }] },
  ]) {
    for (const id of [6, '5', true, [5]]) assert.equal(interpret(response(id), interpreter), null);
  }
  assert.deepEqual(interpret(response(5), modern), response(5));
  assert.equal(interpret([response(6), 'x', null], modern), null);
  assert.deepEqual(interpret([response(6), response(5)], modern), [response(5)]);
  const news = { ...legacy(), heard: [] };
  for (const id of [5, null]) assert.equal(interpret(response(id), news), null);
  for (const scalar of ['text', 7, true, null]) assert.equal(interpret(scalar, modern), null);
});

test('law 5 a server tells the progress of its own request and cancels nothing of another', () => {
  const progress = (progressToken: Json): Json =>
    notification('notifications/progress', { progressToken, progress: 1 });
  assert.deepEqual(interpret(progress('p'), modern), progress('p'));
  for (const token of ['q', 5, null]) assert.equal(interpret(progress(token), modern), null);
  assert.equal(interpret(progress(null), { ...modern, heard: [{ id: 5, progressToken: null }] }), null);
  const cancelled = (requestId: Json): Json => notification('notifications/cancelled', { requestId });
  assert.deepEqual(interpret(cancelled(5), modern), cancelled(5));
  assert.equal(interpret(cancelled(6), modern), null);
  assert.equal(interpret(cancelled(5), legacy()), null);
});

test('T5 questions of a server get an id of ours in the old era, and do not exist in the new one', () => {
  const question = { jsonrpc: '2.0', id: 5, method: 'roots/list' };
  assert.equal(interpret(question, modern), null);
  const interpreter = legacy();
  const asked = interpret(question, interpreter) as { id: string };
  assert.match(asked.id, /^ask-/);
  assert.deepEqual(interpret(notification('notifications/cancelled', { requestId: 5 }), interpreter), {
    ...(notification('notifications/cancelled', {}) as object),
    params: { requestId: asked.id },
  });
  assert.equal(interpreter.questions?.answer({ jsonrpc: '2.0', id: asked.id, result: {} }), null);
});

test('T5 what names nothing keeps its octets, a big number too', () => {
  const text =
    '{"jsonrpc":"2.0", "id":5,"result":{"content":[],"structuredContent":{"n":12345678901234567890}}}';
  assert.equal(interpretText(text, modern), text);
});

test('T5 resources in results are named as all servers know them', () => {
  const told = JSON.stringify(
    interpret(
      response(5, {
        content: [
          { type: 'resource_link', uri: 'raw:1', name: 'x' },
          { type: 'resource', resource: { uri: 'raw:2', text: 'raw text' } },
          { type: 'text', text: 'raw:3' },
        ],
        contents: [{ uri: 'raw:4' }],
        messages: [
          { role: 'user', content: { type: 'resource', resource: { uri: 'raw:5' } } },
          { role: 'user', content: [{ type: 'resource_link', uri: 'raw:6' }] },
        ],
        result: { content: [{ type: 'resource_link', uri: 'raw:7' }] },
      }),
      modern,
    ),
  );
  for (const at of [1, 2, 4, 5, 6, 7]) assert.ok(told.includes(`"mcp://files/raw:${at}"`), `raw:${at}`);
  assert.ok(told.includes('"raw:3"') && told.includes('raw text'));
  const updated = interpret(notification('notifications/resources/updated', { uri: 'raw:8' }), modern);
  assert.deepEqual(updated, notification('notifications/resources/updated', { uri: 'mcp://files/raw:8' }));
  const done = { content: [{ type: 'resource_link', uri: 'raw:9' }] };
  const status = interpret(notification('notifications/tasks/status', { result: done }), modern);
  assert.ok(JSON.stringify(status).includes('"mcp://files/raw:9"'));
});
