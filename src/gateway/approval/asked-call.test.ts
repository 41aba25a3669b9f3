import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { utf8 } from '../../kernel/bytes.ts';
import type { Message } from '../../mcp/message.ts';
import { readInbound } from '../../mcp/read-message.ts';
import type { Grant } from '../../oauth/resource/grant.ts';
import { standingOf } from '../caller.fixture.ts';
import { type AskedAbout, askedCall } from './asked-call.ts';

const asks = [{ policy: 'payments', why: 'money', approver: 'anyone' }] as const;
const decision = {
  outcome: 'ask',
  policies: ['payments'],
  permits: ['all'],
  asks,
  detail: 'why',
  version: 'v',
} as const;

function messageOf(params: JsonObject, id = 1): Message {
  const headers = new Map([
    ['content-type', 'application/json'],
    ['accept', 'application/json, text/event-stream'],
    ['mcp-protocol-version', '2025-11-25'],
  ]);
  const [message] = readInbound({
    headers: { get: (name) => headers.get(name) ?? null, entries: () => headers.entries() },
    body: utf8(JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })),
  }).messages;
  assert.ok(message);
  return message;
}

/** A person's token as far as a call is bound to it. */
const tokenOf = (subject: string, client = 'desktop', issuer = 'https://sso'): Grant =>
  ({ issuer, subject, client, person: `sso:${subject}` }) as unknown as Grant;

const pay = { name: 'pay', arguments: { to: 'ACME', amount: 100 } };

test('A4 an approval is bound to agent, person, client, server, tool, every parameter and the reasons', async () => {
  const standing = await standingOf('ci-bot');
  const base: AskedAbout = {
    standing,
    grant: tokenOf('alice'),
    server: 'bank',
    address: '10.0.0.1',
    message: messageOf(pay),
    decision,
  };
  const digest = (change: Partial<AskedAbout> = {}): string => askedCall({ ...base, ...change }).digest;
  const args = (more: JsonObject): Partial<AskedAbout> => ({ message: messageOf({ ...pay, ...more }) });
  const others: readonly (readonly [string, Partial<AskedAbout>])[] = [
    ['another agent', { standing: await standingOf('other') }],
    ['another person', { grant: tokenOf('bob') }],
    ['a person of that name elsewhere', { grant: tokenOf('alice', 'desktop', 'https://other') }],
    ['another client', { grant: tokenOf('alice', 'web') }],
    ['no person', { grant: null }],
    ['another server', { server: 'bank2' }],
    ['another tool', args({ name: 'pay2' })],
    ['another value', args({ arguments: { to: 'ACME', amount: 1000 } })],
    ['a value of another kind', args({ arguments: { to: 'ACME', amount: '100' } })],
    ['one more argument', args({ arguments: { to: 'ACME', amount: 100, cc: null } })],
    ['no arguments', args({ arguments: {} })],
    ['answers to the server', args({ inputResponses: { a: { action: 'accept' } } })],
    ['a state of the server', args({ requestState: 's' })],
    ['a task', args({ task: { ttl: 1 } })],
    ['metadata of its own', args({ _meta: { 'vendor/account': 'x' } })],
    ['another reason', { decision: { ...decision, asks: [{ ...asks[0], why: 'other' }] } }],
    ['another who approves', { decision: { ...decision, asks: [{ ...asks[0], approver: 'another' }] } }],
    ['another policy', { decision: { ...decision, asks: [{ ...asks[0], policy: 'x' }] } }],
  ];
  const digests = new Map(others.map(([name, change]) => [digest(change), name]));
  assert.equal(digests.size, others.length);
  assert.equal(digests.get(digest()), undefined);
});

test('A4 an approval is not bound to what differs between two attempts of one call', async () => {
  const standing = await standingOf('ci-bot');
  const base = {
    standing,
    grant: null,
    server: 'bank',
    address: '10.0.0.1',
    message: messageOf(pay),
    decision,
  };
  const digest = (change: Partial<AskedAbout> = {}): string => askedCall({ ...base, ...change }).digest;
  const envelope = {
    progressToken: 7,
    traceparent: '00-1',
    'io.modelcontextprotocol/clientInfo': { name: 'x' },
  };
  const same: readonly Partial<AskedAbout>[] = [
    { message: messageOf(pay, 99) },
    { message: messageOf({ ...pay, _meta: envelope }) },
    { message: messageOf({ ...pay, _meta: { 'org.agent-passport/authorization': 'of this attempt' } }) },
    { message: messageOf({ arguments: { amount: 100, to: 'ACME' }, name: 'pay' }) },
    { address: '10.0.0.2' },
    { standing: await standingOf('ci-bot') },
    { decision: { ...decision, version: 'w', permits: ['others'] } },
  ];
  for (const change of same) assert.equal(digest(change), digest(), JSON.stringify(change));
});
