import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../kernel/bytes.ts';
import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import { randomBytes } from '../kernel/random.ts';
import type { Inbound } from '../mcp/message.ts';
import { readInbound } from '../mcp/read-message.ts';
import { cursorOwner, type Holder, stateOwner, taskOwner } from './handles.ts';
import { openHandles } from './open-handles.ts';
import { createStateSeal, type SealOwner } from './state-seal.ts';
import { createTaskLedger } from './task-ledger.ts';

const seal = createStateSeal(randomBytes(64));
const ports = { handles: seal, tasks: createTaskLedger() };
const mine: Holder = { party: 'spiffe://example.internal/agent/a', server: 'files' };
const hers: Holder = { ...mine, party: 'spiffe://example.internal/agent/b' };
const elsewhere: Holder = { ...mine, server: 'mail' };

function read(value: Json, revision = '2025-11-25'): Inbound {
  const headers = new Map([
    ['content-type', 'application/json'],
    ['accept', 'application/json, text/event-stream'],
    ['mcp-protocol-version', revision],
  ]);
  return readInbound({
    headers: { get: (name) => headers.get(name) ?? null, entries: () => headers.entries() },
    body: utf8(JSON.stringify(value)),
  });
}

const request = (method: string, params: JsonObject): Inbound =>
  read({ jsonrpc: '2.0', id: 1, method, params });
const sealedTask = (id: string, holder = mine): string => seal.seal([holder.server, id], taskOwner(holder));
const sealedState = (state: string, of: SealOwner): string => seal.seal([state], of);
const opened = (inbound: Inbound): JsonObject => {
  const after = openHandles(inbound, mine, ports);
  const sent = JSON.parse(Buffer.from(after.bytes).toString()) as JsonObject;
  assert.deepEqual(sent, after.messages[0]?.value, 'what is sent is what is judged');
  return (sent['params'] ?? sent['result']) as JsonObject;
};
const refused = (inbound: Inbound): void => {
  assert.throws(() => openHandles(inbound, mine, ports), { code: 'handle_unknown' });
};
const relatedTo = (taskId: Json): JsonObject => ({
  _meta: { 'io.modelcontextprotocol/related-task': { taskId } },
});

test('law 5 a body without handles is itself', () => {
  for (const inbound of [
    request('tools/call', { name: 'x', arguments: { taskId: 'any', requestState: 'any', cursor: 'any' } }),
    request('tasks/list', {}),
    read({ jsonrpc: '2.0', method: 'notifications/tasks/status', params: { taskId: 'of the client' } }),
    read({ jsonrpc: '2.0', id: 1, result: { task: { taskId: 'of the client' } } }),
  ]) {
    assert.equal(openHandles(inbound, mine, ports), inbound);
  }
});

test('law 5 the id of a task reaches its server as the server named it, from its agent alone', () => {
  for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel', 'tasks/result', 'tasks/later']) {
    assert.equal(opened(request(method, { taskId: sealedTask('t') }))['taskId'], 't');
    const stolen = [sealedTask('t', hers), sealedTask('t', elsewhere), 't', '', 7, null, { a: 1 }];
    for (const taskId of stolen) refused(request(method, { taskId }));
  }
});

test('law 5 a related task is opened in requests, and mentioned freely in notifications and responses', () => {
  const inRequest = (taskId: Json): Inbound =>
    request('tools/call', { name: 'x', arguments: {}, ...relatedTo(taskId) });
  assert.deepEqual(opened(inRequest(sealedTask('t')))['_meta'], relatedTo('t')['_meta']);
  for (const taskId of [sealedTask('t', hers), 't', 7, null]) refused(inRequest(taskId));
  const mentions: readonly ((taskId: Json) => Inbound)[] = [
    (taskId) => read({ jsonrpc: '2.0', id: 1, result: relatedTo(taskId) }),
    (taskId) => read({ jsonrpc: '2.0', method: 'notifications/progress', params: relatedTo(taskId) }),
  ];
  for (const mention of mentions) {
    assert.deepEqual(opened(mention(sealedTask('t'))), relatedTo('t'));
    const strange = mention('of the client');
    assert.equal(openHandles(strange, mine, ports), strange);
  }
});

test('law 5 a request state goes back with the request it was given for, a task’s with any about the task', () => {
  const call = (name: string, requestState: Json): Inbound =>
    request('tools/call', { name, arguments: {}, requestState });
  const ofCall = stateOwner(mine, { method: 'tools/call', name: 'x' });
  assert.equal(opened(call('x', sealedState('s', ofCall)))['requestState'], 's');
  const strange = [
    sealedState('s', stateOwner(mine, { method: 'tools/call', name: 'y' })),
    sealedState('s', stateOwner(hers, { method: 'tools/call', name: 'x' })),
    sealedState('s', stateOwner(elsewhere, { method: 'tools/call', name: 'x' })),
    's',
    null,
  ];
  for (const state of strange) refused(call('x', state));
  const ofTask = sealedState('s', stateOwner(mine, { method: 'tasks/get', name: 't' }));
  for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
    const about = request(method, { taskId: sealedTask('t'), requestState: ofTask });
    assert.equal(opened(about)['requestState'], 's');
    refused(request(method, { taskId: sealedTask('other'), requestState: ofTask }));
  }
  refused(call('x', ofTask));
});

test('law 5 a cursor goes on with the list it was given for', () => {
  const cursor = seal.seal(['c'], cursorOwner(mine, 'tools/list'));
  assert.equal(opened(request('tools/list', { cursor }))['cursor'], 'c');
  refused(request('prompts/list', { cursor }));
  refused(request('tools/list', { cursor: seal.seal(['c'], cursorOwner(hers, 'tools/list')) }));
  refused(request('tools/list', { cursor: 'c' }));
});

test('law 5 a subscription hears of its agent’s tasks', () => {
  const listen = (taskIds: Json): Inbound =>
    request('subscriptions/listen', { notifications: { toolsListChanged: true, taskIds } });
  const wish = opened(listen([sealedTask('a'), sealedTask('b')]))['notifications'];
  assert.deepEqual(wish, { toolsListChanged: true, taskIds: ['a', 'b'] });
  for (const tasks of [[sealedTask('a'), 'raw'], [sealedTask('a', hers)], 'raw', { 0: 'raw' }, null]) {
    refused(listen(tasks));
  }
});

test('law 5 every message of a batch is opened, and one stolen handle refuses the batch', () => {
  const get = (id: number, taskId: string): JsonObject => ({
    jsonrpc: '2.0',
    id,
    method: 'tasks/get',
    params: { taskId },
  });
  const batch = read([get(1, sealedTask('a')), get(2, sealedTask('b'))], '2025-03-26');
  const sent = JSON.parse(Buffer.from(openHandles(batch, mine, ports).bytes).toString()) as Json;
  assert.deepEqual(sent, [get(1, 'a'), get(2, 'b')]);
  refused(read([get(1, sealedTask('a')), get(2, sealedTask('b', hers))], '2025-03-26'));
});
