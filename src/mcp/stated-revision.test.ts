import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../kernel/bytes.ts';
import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import { errorResponse } from './error-response.ts';
import { MessageFault } from './message-fault.ts';
import { readInbound } from './read-message.ts';

/** The refusal of a body as it goes out, or null when it is read. */
function refusal(body: Json, headers: Record<string, string>): JsonObject | null {
  const all = new Map(
    Object.entries({
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    }),
  );
  try {
    readInbound({
      headers: { get: (name) => all.get(name.toLowerCase()) ?? null, entries: () => all.entries() },
      body: utf8(JSON.stringify(body)),
    });
    return null;
  } catch (error) {
    assert.ok(error instanceof MessageFault);
    return JSON.parse(errorResponse(error, null, 400).body) as JsonObject;
  }
}

function modern(method: string, revision = '2026-07-28'): JsonObject {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': revision,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  return { jsonrpc: '2.0', id: 301, method, params: { _meta } };
}

function errorOf(answer: JsonObject | null): JsonObject {
  return (answer?.['error'] ?? {}) as JsonObject;
}

const codeOf = (answer: JsonObject | null): unknown => errorOf(answer)['code'];

test('T3 an unknown revision is refused under the id of its request, with the revisions of that era and the one asked for', () => {
  const answer = refusal(modern('server/discover', 'v999'), { 'mcp-protocol-version': 'v999' });
  assert.equal(answer?.['id'], 301);
  assert.equal(codeOf(answer), -32022);
  assert.deepEqual(errorOf(answer)['data'], {
    supported: ['2026-07-28'],
    requested: 'v999',
  });
});

test('T3 without metadata an unknown revision is refused with every revision that is spoken', () => {
  const answer = refusal(
    { jsonrpc: '2.0', id: 'a', method: 'ping' },
    { 'mcp-protocol-version': '1999-01-01' },
  );
  assert.equal(answer?.['id'], 'a');
  assert.deepEqual(errorOf(answer)['data'], {
    supported: ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'],
    requested: '1999-01-01',
  });
});

test('T3 when header and metadata name different revisions, that is the error, whichever of them is unknown', () => {
  for (const [header, inBody] of [
    ['v999', '2026-07-28'],
    ['2026-07-28', 'v999'],
    ['2025-11-25', '2026-07-28'],
  ] as const) {
    const answer = refusal(modern('server/discover', inBody), { 'mcp-protocol-version': header });
    assert.deepEqual([answer?.['id'], codeOf(answer)], [301, -32020], `${header}, ${inBody}`);
  }
});

test('T3 a method that the modern revision took away does not exist there, whatever its parameters (-32601)', () => {
  for (const method of [
    'initialize',
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'resources/unsubscribe',
  ]) {
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method };
    const answer = refusal(modern(method), headers);
    assert.deepEqual([answer?.['id'], codeOf(answer)], [301, -32601], method);
    const legacy = {
      jsonrpc: '2.0',
      id: 1,
      method,
      params: { uri: 'file:///a', protocolVersion: '2025-11-25' },
    };
    assert.equal(refusal(legacy, { 'mcp-protocol-version': '2025-11-25' }), null, method);
  }
});

test('T3 the refusal of a modern initialize names the revisions that are spoken', () => {
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'initialize' };
  assert.match(JSON.stringify(errorOf(refusal(modern('initialize'), headers))), /2025-11-25/);
});
