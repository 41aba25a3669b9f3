import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { utf8 } from '../kernel/bytes.ts';
import type { Json } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { encodeHeaderValue } from './header-value.ts';
import type { Inbound } from './message.ts';
import { MessageFault } from './message-fault.ts';
import { readInbound } from './read-message.ts';
import { checkSessionRequest } from './session-request.ts';
import { asksOf } from './targets.ts';

const media = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

function lookup(values: Record<string, string>): {
  get(name: string): string | null;
  entries(): Iterable<[string, string]>;
} {
  const map = new Map(Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]));
  return { get: (name) => map.get(name.toLowerCase()) ?? null, entries: () => map.entries() };
}

function read(body: Json | string, headers: Record<string, string> = {}): Inbound {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return readInbound({ headers: lookup({ ...media, ...headers }), body: utf8(text) });
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'none';
}

const legacyCall = {
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name: 'echo', arguments: { text: 'a' } },
};
const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};
const modernCall = { ...legacyCall, params: { ...legacyCall.params, _meta: envelope } };
const modernHeaders = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'echo',
};

test('T3 reads a legacy request: era, target, arguments', () => {
  const { era, revision, batch, messages, bytes } = read(legacyCall, {
    'mcp-protocol-version': '2025-11-25',
  });
  assert.deepEqual([era, revision, batch], ['legacy', '2025-11-25', false]);
  assert.deepEqual(messages[0]?.target, { kind: 'tool', name: 'echo' });
  assert.deepEqual(messages[0]?.arguments, { text: 'a' });
  assert.deepEqual(JSON.parse(Buffer.from(bytes).toString()), legacyCall);
});

test('T3 takes a request without a version header for 2025-03-26', () => {
  assert.equal(read(legacyCall).revision, '2025-03-26');
});

test('T3 reads a modern request whose headers agree with its body', () => {
  const inbound = read(modernCall, modernHeaders);
  assert.deepEqual([inbound.era, inbound.revision], ['modern', '2026-07-28']);
});

test('T6 refuses a modern request whose header is missing or disagrees, and names its id', () => {
  const wrong: Record<string, string>[] = [
    { 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
    { 'mcp-protocol-version': '2026-07-28', 'mcp-name': 'echo' },
    { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' },
    { ...modernHeaders, 'mcp-method': 'tools/list' },
    { ...modernHeaders, 'mcp-name': 'get-env' },
    { ...modernHeaders, 'mcp-name': '=?base64?!!?=' },
    { ...modernHeaders, 'mcp-protocol-version': '2025-11-25' },
    { ...modernHeaders, 'mcp-param-text': 'b' },
  ];
  for (const headers of wrong) {
    assert.throws(
      () => read(modernCall, headers),
      (error) => error instanceof MessageFault && error.code === 'header_mismatch' && error.id === 7,
      JSON.stringify(headers),
    );
  }
});

test('T6 refuses mirrored headers that disagree in the legacy era too: somebody on the way may trust them', () => {
  assert.equal(
    codeOf(() => read(legacyCall, { 'mcp-name': 'get-env' })),
    'header_mismatch',
  );
});

test('T6 accepts Mcp-Name and Mcp-Param in Base64 when the text needs it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
      const body = { ...modernCall, params: { name, arguments: { a: name }, _meta: envelope } };
      const value = encodeHeaderValue(name);
      read(body, { ...modernHeaders, 'mcp-name': value, 'mcp-param-a': value });
    }),
  );
});

test('T6 compares numbers of Mcp-Param as numbers', () => {
  const body = { ...modernCall, params: { ...modernCall.params, arguments: { n: 42, deep: { on: true } } } };
  read(body, { ...modernHeaders, 'mcp-param-n': '42.0', 'mcp-param-on': 'true' });
  assert.equal(
    codeOf(() => read(body, { ...modernHeaders, 'mcp-param-n': '43' })),
    'header_mismatch',
  );
});

test('T6 refuses every ambiguous or broken body by code', () => {
  const table: [string, Json | string, Record<string, string>?][] = [
    ['malformed_json', '{'],
    ['malformed_json', ''],
    ['json_duplicate_key', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}'],
    ['json_duplicate_key', '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}'],
    ['json_too_deep', '['.repeat(100_000)],
    ['message_invalid', 'null'],
    ['message_invalid', { id: 1, method: 'ping' }],
    ['message_invalid', { jsonrpc: '2.0', id: 1, method: 'ping', result: {} }],
    ['message_invalid', { jsonrpc: '2.0', id: null, method: 'ping' }],
    ['message_invalid', { jsonrpc: '2.0', id: 1.5, method: 'ping' }],
    ['message_invalid', { jsonrpc: '2.0', id: 1 }],
    ['message_invalid', { jsonrpc: '2.0', id: 1, result: {}, error: {} }],
    ['message_invalid', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":9007199254740993}}'],
    ['message_invalid', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":1e400}}'],
    ['message_invalid', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"s":"\\ud800"}}'],
    ['params_invalid', { jsonrpc: '2.0', id: 1, method: 'ping', params: [] }],
    ['params_invalid', { jsonrpc: '2.0', id: 1, method: 'tools/call', params: {} }],
    ['params_invalid', { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 1 } }],
    ['params_invalid', { jsonrpc: '2.0', id: 1, method: 'resources/read', params: {} }],
    [
      'params_invalid',
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x', arguments: 'y' } },
    ],
    ['params_invalid', legacyCall, { 'mcp-protocol-version': '2026-07-28' }],
    [
      'params_invalid',
      { ...legacyCall, params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } } },
    ],
    ['protocol_version', legacyCall, { 'mcp-protocol-version': '1999-01-01' }],
    [
      'protocol_version',
      {
        ...modernCall,
        params: {
          ...modernCall.params,
          _meta: { ...envelope, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' },
        },
      },
    ],
    [
      'header_mismatch',
      { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} },
      { 'mcp-protocol-version': '2026-07-28' },
    ],
    ['message_invalid', { jsonrpc: '2.0', id: 1, result: {} }, { 'mcp-protocol-version': '2026-07-28' }],
    ['media_type', legacyCall, { 'content-type': 'text/plain' }],
    ['not_acceptable', legacyCall, { accept: 'application/json' }],
  ];
  for (const [code, body, headers] of table) {
    assert.equal(
      codeOf(() => read(body, headers)),
      code,
      JSON.stringify(body).slice(0, 100),
    );
  }
});

test('T6 batches exist in 2025-03-26 alone', () => {
  const two = [
    { jsonrpc: '2.0', id: 1, method: 'ping' },
    { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'echo' } },
  ];
  assert.equal(read(two).messages.length, 2);
  for (const revision of ['2025-06-18', '2025-11-25', '2026-07-28']) {
    assert.equal(
      codeOf(() => read(two, { 'mcp-protocol-version': revision })),
      'batch_refused',
    );
  }
  assert.equal(
    codeOf(() => read([])),
    'message_invalid',
  );
  assert.equal(
    codeOf(() => read([two[0] ?? null, two[0] ?? null])),
    'message_invalid',
  );
  assert.equal(
    codeOf(() => read([{ jsonrpc: '2.0', id: 1, method: 'initialize' }])),
    'message_invalid',
  );
  assert.equal(
    codeOf(() => read([modernCall])),
    'message_invalid',
  );
});

test('T6 what is forwarded reads back as what was judged, whatever the JSON', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (given) => {
      const body = JSON.stringify({ ...legacyCall, params: { name: 'echo', arguments: given } });
      let inbound: Inbound;
      try {
        inbound = read(body);
      } catch (error) {
        assert.ok(error instanceof Fault);
        return;
      }
      const again = read(Buffer.from(inbound.bytes).toString());
      assert.deepEqual(again.messages[0]?.arguments, inbound.messages[0]?.arguments);
      assert.deepEqual(again.bytes, inbound.bytes);
    }),
  );
});

test('T6 any octets are read or refused with a fault, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
      try {
        readInbound({ headers: lookup(media), body });
      } catch (error) {
        assert.ok(error instanceof Fault);
      }
    }),
  );
});

test('A2 a subscription asks for every resource that it names', () => {
  const body = {
    jsonrpc: '2.0',
    id: 1,
    method: 'subscriptions/listen',
    params: { _meta: envelope, notifications: { resourceSubscriptions: ['file:///a', 'file:///b'] } },
  };
  const [message] = read(body, {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'subscriptions/listen',
  }).messages;
  assert.ok(message);
  assert.deepEqual(
    asksOf(message).map(({ action, target }) => [action, target.kind === 'resource' ? target.uri : '']),
    [
      ['subscriptions/listen', ''],
      ['resources/subscribe', 'file:///a'],
      ['resources/subscribe', 'file:///b'],
    ],
  );
});

test('T3 GET and DELETE are of the legacy era and belong to a session', () => {
  const session = { accept: 'text/event-stream', 'mcp-session-id': 'x' };
  checkSessionRequest('GET', lookup({ ...session, 'mcp-protocol-version': '2025-11-25' }));
  const modern = lookup({ ...session, 'mcp-protocol-version': '2026-07-28' });
  assert.equal(
    codeOf(() => checkSessionRequest('GET', modern)),
    'method_not_allowed',
  );
  assert.equal(
    codeOf(() => checkSessionRequest('DELETE', lookup({}))),
    'method_not_allowed',
  );
  const json = lookup({ ...session, accept: 'application/json' });
  assert.equal(
    codeOf(() => checkSessionRequest('GET', json)),
    'not_acceptable',
  );
  const unknown = lookup({ ...session, 'mcp-protocol-version': 'x' });
  assert.equal(
    codeOf(() => checkSessionRequest('DELETE', unknown)),
    'protocol_version',
  );
});
