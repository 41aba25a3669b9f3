import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../kernel/bytes.ts';
import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { errorResponse } from './error-response.ts';
import { filterAnyList, filterList, listTargets } from './filter-list.ts';
import { forwardHeaders } from './forward-headers.ts';
import type { Inbound, Message } from './message.ts';
import { MessageFault } from './message-fault.ts';

function inbound(kinds: readonly Message['kind'][], batch = false): Inbound {
  const messages = kinds.map(
    (kind, at): Message => ({
      kind,
      era: 'legacy',
      revision: '2025-11-25',
      id: kind === 'notification' ? null : at,
      method: kind === 'response' ? null : 'ping',
      params: {},
      target: { kind: 'server' },
      arguments: {},
      value: {},
    }),
  );
  return { messages, batch, era: 'legacy', revision: '2025-11-25', bytes: utf8('{}') };
}

test('U2 what policy refuses is the answer to the request: status 200, its id, the reason', () => {
  const answer = errorResponse(new Fault('denied', 'no'), inbound(['request']), 403);
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.body), {
    jsonrpc: '2.0',
    id: 0,
    error: { code: 403, message: 'no', data: { code: 'denied' } },
  });
});

test('T3 a refused notification has no id to answer, so the status says it', () => {
  const answer = errorResponse(new Fault('denied', 'no'), inbound(['notification']), 403);
  assert.equal(answer.status, 403);
  assert.equal((JSON.parse(answer.body) as JsonObject)['id'], null);
});

test('T3 every request of a batch gets its answer', () => {
  const batch = inbound(['request', 'notification', 'request'], true);
  const answer = errorResponse(new Fault('upstream_failed', 'x'), batch, 502);
  assert.equal(answer.status, 502);
  assert.deepEqual(
    (JSON.parse(answer.body) as JsonObject[]).map(({ id }) => id),
    [0, 2],
  );
});

test('T3 an unsupported revision is told with those that are (MCP 2026-07-28, -32022)', () => {
  const fault = new MessageFault('protocol_version', 'x', 'a', { supported: ['y'], requested: 'z' });
  const { status, body } = errorResponse(fault, null, 400);
  const answer = JSON.parse(body) as JsonObject;
  assert.equal(status, 400);
  assert.equal(answer['id'], 'a');
  assert.deepEqual(answer['error'], {
    code: -32022,
    message: 'x',
    data: { supported: ['y'], requested: 'z' },
  });
});

test('A2 lists show what may be used and nothing that has no name', () => {
  const result = { tools: [{ name: 'a' }, { name: 'b' }, {}, 1], nextCursor: 'n', cacheScope: 'public' };
  const shown = filterList('tools/list', result, (target) => target.kind === 'tool' && target.name === 'a');
  assert.deepEqual(shown, { tools: [{ name: 'a' }], nextCursor: 'n', cacheScope: 'private' });
});

test('A2 prompts, resources and templates are lists too; other methods are not', () => {
  assert.deepEqual(
    ['prompts/list', 'resources/list', 'resources/templates/list', 'tools/call', 'constructor'].map(
      listTargets,
    ),
    ['prompts/get', 'resources/read', 'resources/read', null, null],
  );
  const none = filterList('resources/list', { resources: [{ uri: 'a:b' }] }, () => false);
  assert.deepEqual(none, { resources: [] });
  assert.ok(isJsonObject(filterList('resources/list', {}, () => false)));
});

test('A2 an answer whose request is not known is filtered by the lists it holds, and is itself without any', () => {
  const result = { tools: [{ name: 'a' }, { name: 'b' }], resources: [{ uri: 'a:b' }], other: 1 };
  const shown = filterAnyList(result, (action, target) => {
    return action === 'tools/call' && target.kind === 'tool' && target.name === 'a';
  });
  assert.deepEqual(shown, { tools: [{ name: 'a' }], resources: [], other: 1 });
  const none = { content: [], tools: 'no list' };
  assert.equal(
    filterAnyList(none, () => false),
    none,
  );
});

test('law 3 a client can name no credential, cookie or identity of its own to the server', () => {
  const given: [string, string][] = [
    ['Authorization', 'Bearer x'],
    ['cookie', 'a=b'],
    ['x-api-key', 'x'],
    ['x-forwarded-client-cert', 'x'],
    ['mcp-session-id', 'x'],
    ['mcp-evil', 'x'],
    ['Mcp-Param-Region', 'eu'],
    ['MCP-Protocol-Version', '2025-11-25'],
  ];
  const headers = { get: () => null, entries: () => given };
  assert.deepEqual(forwardHeaders(headers, 'legacy'), {
    'mcp-param-region': 'eu',
    'mcp-protocol-version': '2025-11-25',
  });
});

test('T3 the last event of a stream is named in the era that has events alone', () => {
  const headers = { get: () => null, entries: (): [string, string][] => [['Last-Event-ID', '7']] };
  assert.deepEqual(forwardHeaders(headers, 'legacy'), { 'last-event-id': '7' });
  assert.deepEqual(forwardHeaders(headers, 'modern'), {});
});
