import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { locateHandles } from './locate-handles.ts';

const latin1 = (value: Json): string => Buffer.from(JSON.stringify(value)).toString('latin1');
const found = (text: string): readonly string[] =>
  locateHandles(text).map(({ kind, value, task }) => `${kind} ${value}${task === null ? '' : ` of ${task}`}`);
const related = { 'io.modelcontextprotocol/related-task': { taskId: 'r' } };

test('law 5 every place of a result that names a task, a state or a cursor is found', () => {
  const result = {
    taskId: 'a',
    requestState: 's',
    nextCursor: 'c',
    task: { taskId: 'b' },
    tasks: [{ taskId: 'd' }, 'x', { taskId: 'e' }],
    _meta: related,
    result: { _meta: related },
  };
  const names = ['task a', 'state s of a', 'cursor c', 'task b', 'task d', 'task e', 'task r', 'task r'];
  assert.deepEqual(found(latin1({ jsonrpc: '2.0', id: 1, result })), names);
  // The state of a task is told from its taskId wherever that stands; without one it is the request's own.
  assert.deepEqual(found(latin1({ result: { requestState: 's', taskId: 'a' } })), ['state s of a', 'task a']);
  assert.deepEqual(found(latin1({ result: { requestState: 's', task: { taskId: 'a' } } })), [
    'state s',
    'task a',
  ]);
});

test('law 5 what is said about tasks outside of results is found, and a task of the client is not', () => {
  const about = { taskId: 'a', requestState: 's', _meta: related };
  const told = (method: string, params: Json): readonly string[] =>
    found(latin1({ jsonrpc: '2.0', params, method }));
  assert.deepEqual(told('notifications/tasks/status', about), ['task a', 'state s of a', 'task r']);
  assert.deepEqual(told('notifications/tasks', { task: { taskId: 'a' } }), ['task a']);
  assert.deepEqual(told('tasks/get', about), ['task r']);
  assert.deepEqual(told('elicitation/create', { _meta: related }), ['task r']);
  const honoured = { notifications: { taskIds: ['a', 'b', 7] } };
  assert.deepEqual(told('notifications/subscriptions/acknowledged', honoured), ['task a', 'task b']);
  assert.deepEqual(told('notifications/message', honoured), []);
});

test('what a tool returns under the same names is its own', () => {
  const structuredContent = { taskId: 'x', requestState: 'x', nextCursor: 'x', _meta: related, result: {} };
  const content = [{ type: 'text', text: '{"result":{"taskId":"x"}}', taskId: 'x', _meta: related }];
  assert.deepEqual(found(latin1({ result: { content, structuredContent } })), []);
  assert.deepEqual(found(latin1({ error: { code: 1, message: 'm', data: { taskId: 'x' } } })), []);
  assert.deepEqual(found(latin1({ taskId: 'x', requestState: 'x', params: [{ taskId: 'x' }] })), []);
});

test('law 5 each message of a batch is read by itself', () => {
  const batch = [
    { method: 'notifications/tasks', params: { taskId: 'a' } },
    { method: 'notifications/message', params: { taskId: 'x' } },
    { result: { taskId: 'b' } },
    { result: { requestState: 's' } },
  ];
  assert.deepEqual(found(latin1(batch)), ['task a', 'task b', 'state s']);
});

test('law 5 a name with an escaped slash and any text of an id are read as JSON reads them', () => {
  const escaped = latin1({ result: { _meta: related } }).replaceAll('/', '\\/');
  assert.deepEqual(found(escaped), ['task r']);
  for (const id of ['"', '\\', '\\"', 'é', '"}],{[', '😀', '\u0000', '']) {
    assert.deepEqual(found(latin1({ result: { taskId: id } })), [`task ${id}`]);
  }
});

/** What is found in values, without looking at text. */
function expected(message: Json): readonly string[] {
  const result = isJsonObject(message) ? message['result'] : undefined;
  if (!isJsonObject(result)) return [];
  const at = (held: Json | undefined): readonly string[] =>
    isJsonObject(held) && typeof held['taskId'] === 'string' ? [held['taskId']] : [];
  const relatedIn = (held: JsonObject): readonly string[] => {
    const meta = held['_meta'];
    return isJsonObject(meta) ? at(meta['io.modelcontextprotocol/related-task']) : [];
  };
  const text = (member: string): readonly string[] =>
    typeof result[member] === 'string' ? [result[member]] : [];
  const inner = result['result'];
  return [
    ...at(result),
    ...text('requestState'),
    ...text('nextCursor'),
    ...at(result['task']),
    ...(isJsonArray(result['tasks']) ? result['tasks'].flatMap(at) : []),
    ...relatedIn(result),
    ...(isJsonObject(inner) ? relatedIn(inner) : []),
  ];
}

const names = ['taskId', 'requestState', 'nextCursor', 'task', 'tasks', '_meta', 'result', 'params', 'other'];
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.constantFrom(null, true),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...names, 'io.modelcontextprotocol/related-task'), tie('tree'), {
      maxKeys: 6,
    }),
  ),
}));

test('law 5 whatever the message, what is found in its text is what its values hold, at that place (property)', () => {
  fc.assert(
    fc.property(tree, fc.constantFrom(0, 2), (result, space) => {
      const message = { jsonrpc: '2.0', id: 1, result };
      const text = Buffer.from(JSON.stringify(message, null, space)).toString('latin1');
      const handles = locateHandles(text);
      assert.deepEqual(handles.map(({ value }) => value).sort(), [...expected(message)].sort());
      for (const { start, end, value } of handles) {
        const literal = Buffer.from(text.slice(start, end), 'latin1').toString('utf8');
        assert.equal(JSON.parse(literal), value);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('text that is no JSON gives no more than it holds, and ends', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\'.split(''), 'a', '"taskId":"x"', '"result":{') }),
      (text) => {
        for (const { start, end } of locateHandles(text)) assert.ok(start < end && end <= text.length);
      },
    ),
    { numRuns: 2_000 },
  );
});
