import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { openEverythingServer } from '../conformance/everything/everything-server.ts';
import { openTown, type Town, until } from './deployment.ts';
import { mutualFetch, textOf } from './mcp-clients.ts';
import { openModernServer } from './mcp-servers.ts';

const revision = '2026-07-28';

async function townWith(name: string, url: string): Promise<Town> {
  const town = await openTown();
  await town.addHttpServer(name, url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  return town;
}

/** A modern POST, as its sender would write it. */
function modern(id: number, method: string, params: object, meta: object = {}): RequestInit {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': revision,
    'io.modelcontextprotocol/clientCapabilities': {},
    ...meta,
  };
  const name = 'name' in params ? { 'mcp-name': String(params.name) } : {};
  return {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': revision,
      'mcp-method': method,
      ...name,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }),
  };
}

test('T3 a call that needs several round trips is carried through, its state unchanged and changed state refused', async () => {
  await using server = await openEverythingServer();
  await using town = await townWith('all', server.url);
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const client = new Client(
    { name: 'v2', version: '1' },
    { capabilities: { elicitation: {} }, versionNegotiation: { mode: { pin: revision } } },
  );
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { ok: true } }));
  await client.connect(new StreamableHTTPClientTransport(new URL(town.endpoint('all')), { fetch }));
  const name = 'test_input_required_result_request_state';
  assert.equal(textOf(await client.callTool({ name, arguments: {} })), 'state-ok');
  await client.close();
  const forged = { name, arguments: {}, requestState: 'forged', inputResponses: {} };
  const answer = (await (await fetch(town.endpoint('all'), modern(1, 'tools/call', forged))).json()) as {
    error: { code: number };
  };
  assert.equal(answer.error.code, -32602);
});

test('T3 a subscription is acknowledged first, tells of what it asked for alone, and ends with its client', async () => {
  await using server = await openEverythingServer();
  await using town = await townWith('all', server.url);
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const leave = new AbortController();
  const listening = await fetch(town.endpoint('all'), {
    ...modern(77, 'subscriptions/listen', { notifications: { toolsListChanged: true } }),
    signal: leave.signal,
  });
  assert.ok(listening.body);
  const reader = listening.body.pipeThrough(new TextDecoderStream()).getReader();
  const heard: { method: string; params: { _meta: Record<string, unknown> } }[] = [];
  let rest = '';
  const hear = async (count: number): Promise<void> => {
    while (heard.length < count) {
      const { value = '', done } = await reader.read();
      assert.ok(!done, 'the stream ended');
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('data: {')) heard.push(JSON.parse(line.slice(6)));
    }
  };
  await hear(1);
  for (const [id, name] of [
    [1, 'test_trigger_prompt_change'],
    [2, 'test_trigger_tool_change'],
  ] as const) {
    await (await fetch(town.endpoint('all'), modern(id, 'tools/call', { name, arguments: {} }))).text();
  }
  await hear(2);
  assert.deepEqual(
    heard.map(({ method }) => method),
    ['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed'],
  );
  for (const { params } of heard) {
    assert.equal(String(params._meta['io.modelcontextprotocol/subscriptionId']), '77');
  }
  await until(() => town.gateway.liveCalls() === 1);
  leave.abort();
  await until(() => town.gateway.liveCalls() === 0);
});

test('T3 extensions of the client and its trace context reach the server in the metadata of the call', async () => {
  await using server = await openModernServer();
  await using town = await townWith('modern', server.url);
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const meta = {
    'io.modelcontextprotocol/clientCapabilities': { extensions: { 'example.com/colour': { depth: 8 } } },
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };
  const call = modern(1, 'tools/call', { name: 'echo', arguments: { message: 'hi' } }, meta);
  assert.equal((await fetch(town.endpoint('modern'), call)).status, 200);
  const last = JSON.parse(server.seen.at(-1)?.body ?? '{}') as { params: { _meta: Record<string, unknown> } };
  for (const [key, value] of Object.entries(meta)) assert.deepEqual(last.params._meta[key], value);
});
