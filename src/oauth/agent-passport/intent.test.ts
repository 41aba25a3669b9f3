import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { billing, delegated, intended, noon, party, trusting } from './agent-passport.fixture.ts';
import { checkIntent, type ExpectedCall, IntentRefusal } from './intent.ts';
import { canonicalServerUri } from './resource-uri.ts';

const [root, agent] = [party(), party()];
const delegation = delegated(root, agent, null);
const { keyOf } = trusting(root);
const call: ExpectedCall = { server: billing, tool: 'pay', arguments: { to: 'ada', amount: 12 }, now: noon };

function code(value: Json, expected: Partial<ExpectedCall> = {}): string | null {
  const checked = checkIntent(value, { ...call, ...expected }, keyOf);
  return checked instanceof IntentRefusal ? checked.code : null;
}

test('O9 an intent says who wants which call under which delegation (aps-mcp-1)', () => {
  const given = intended(agent, delegation, { spend: { unit: 'iso4217:EUR:minor', amount: '12' } });
  const intent = checkIntent(given, call, keyOf);
  assert.ok(!(intent instanceof IntentRefusal));
  assert.equal(intent.agent, agent.did);
  assert.equal(intent.delegation, delegation['delegation_id']);
  assert.deepEqual(intent.scopes, ['mcp:billing:pay']);
  assert.deepEqual(intent.spend, { unit: 'iso4217:EUR:minor', amount: 12n });
  assert.match(intent.actionRef, /^[0-9a-f]{64}$/);
});

test('O9 an intent is for one server, one tool, these arguments, within its time', () => {
  const given = intended(agent, delegation);
  assert.equal(code(given), null);
  assert.equal(code(given, { server: `${billing}2` }), 'MCP_TARGET_MISMATCH');
  assert.equal(code(given, { tool: 'Pay' }), 'MCP_TARGET_MISMATCH');
  assert.equal(code(given, { arguments: { to: 'ada', amount: 13 } }), 'MCP_ARGUMENTS_MISMATCH');
  assert.equal(code(given, { now: noon - 1_001 }), 'MCP_AUTHORIZATION_NOT_CURRENT');
  assert.equal(code(given, { now: noon + 29_000 }), 'MCP_AUTHORIZATION_NOT_CURRENT');
});

test('O9 nothing in an intent can be changed without its signature showing it', () => {
  const given = intended(agent, delegation);
  const changed = (changes: JsonObject): string | null => code({ ...given, ...changes });
  assert.equal(changed({ nonce: 'f'.repeat(32) }), 'MCP_ACTION_REF_MISMATCH');
  assert.equal(changed({ scope_required: [] }), 'MCP_ACTION_REF_MISMATCH');
  assert.equal(changed({ expires_at: '2026-11-26T13:00:00.000Z' }), 'MCP_SIGNATURE_INVALID');
  assert.equal(changed({ delegation_ref: `sha256:${'0'.repeat(64)}` }), 'MCP_SIGNATURE_INVALID');
  assert.equal(changed({ spend: { unit: 'EUR', amount: '1' } }), 'MCP_SIGNATURE_INVALID');
  assert.equal(changed({ signature: '0'.repeat(128) }), 'MCP_SIGNATURE_INVALID');
  assert.equal(
    code(intended({ ...party(), did: agent.did, method: agent.method }, delegation)),
    'MCP_SIGNATURE_INVALID',
  );
  const web = { ...agent, did: 'did:web:acme.example', method: 'did:web:acme.example#1' };
  assert.equal(code(intended(web, delegation)), 'MCP_SIGNING_KEY_NOT_FOUND');
});

test('O9 what is no intent is refused as malformed, whatever it is', () => {
  const given = intended(agent, delegation);
  const rows: readonly Json[] = [
    null,
    [],
    'intent',
    {},
    { ...given, more: 1 },
    { ...given, profile: 'aps-mcp-2' },
    { ...given, method: 'prompts/get' },
    { ...given, agent_id: 'ada' },
    { ...given, verification_method: 'did:key:other#1' },
    { ...given, delegation_ref: '' },
    { ...given, mcp_server: 'https://gateway.example/mcp/billing/' },
    { ...given, mcp_server: 'http://gateway.example/mcp/billing' },
    { ...given, tool_name: 'pay all' },
    { ...given, arguments_hash: 'A'.repeat(64) },
    { ...given, scope_required: ['b', 'a'] },
    { ...given, scope_required: ['e\u0301'] },
    { ...given, scope_required: [1] },
    { ...given, spend: { unit: 'EUR', amount: '-1' } },
    { ...given, spend: null },
    { ...given, issued_at: given['expires_at'] ?? null },
    { ...given, issued_at: 'now' },
    { ...given, nonce: '' },
    { ...given, signature: null },
  ];
  for (const row of rows) assert.equal(code(row), 'MCP_AUTHORIZATION_MALFORMED', JSON.stringify(row));
});

test('O9 a whole number that two readers take for different ones is no argument of an intent', () => {
  const unsafe = { amount: 2 ** 53, to: 'ada' };
  assert.equal(code(intended(agent, delegation), { arguments: unsafe }), 'MCP_ARGUMENTS_MISMATCH');
});

test('O9 the URI of a server has one written form', () => {
  assert.equal(canonicalServerUri('HTTPS://Gateway.example:443/mcp/a/'), 'https://gateway.example/mcp/a');
  assert.equal(canonicalServerUri('http://127.0.0.1:8443/mcp/a'), 'http://127.0.0.1:8443/mcp/a');
  for (const text of ['', 'mcp', 'http://gateway.example/', 'https://u@h/', 'https://h/#a', 'file:///a']) {
    assert.equal(canonicalServerUri(text), null, text);
  }
});
