import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTown, type Town, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';
import { openLegacyServer } from './mcp-servers.ts';
import { sdkServers } from './sdk-servers.ts';

type Fetch = ReturnType<typeof mutualFetch>;
type Answer = {
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly data?: { readonly code?: string } };
};

async function townOf(agents: readonly string[]): Promise<Town> {
  const town = await openTown();
  for (const agent of agents) await town.addAgent(agent);
  await town.permit('permit (principal, action, resource);');
  return town;
}

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
};

function modernPost(method: string, params: Record<string, unknown>): RequestInit {
  return {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof params['name'] === 'string' ? { 'mcp-name': params['name'] } : {}),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params: { ...params, _meta: meta } }),
  };
}

async function ask(fetch: Fetch, url: string, params: Record<string, unknown>): Promise<Answer> {
  const response = await fetch(url, modernPost('tools/call', params));
  return (await response.json()) as Answer;
}

test('T4 the state of a question works once, for its agent and its request (trap: session not tied to principal)', async () => {
  await using old = await openLegacyServer();
  await using town = await townOf(['ci-bot', 'thief']);
  await town.addHttpServer('old', old.url);
  await using mine = mutualFetch(await town.issue('ci-bot'));
  await using other = mutualFetch(await town.issue('thief'));
  const url = town.endpoint('old');
  const asked = await ask(mine, url, { name: 'ask', arguments: {} });
  assert.equal(asked.result?.['resultType'], 'input_required');
  const requests = asked.result['inputRequests'] as Record<string, { method: string }>;
  const [key = ''] = Object.keys(requests);
  assert.equal(requests[key]?.method, 'elicitation/create');
  const state = asked.result['requestState'];
  const retry = {
    name: 'ask',
    arguments: {},
    requestState: state,
    inputResponses: { [key]: { action: 'decline' } },
  };
  const refused = 'state_unknown';
  assert.equal((await ask(other, url, retry)).error?.data?.code, 'handle_unknown', 'another agent');
  const widened = { ...retry, arguments: { more: 1 } };
  assert.equal((await ask(mine, url, widened)).error?.data?.code, refused, 'another request');
  const forged = { ...retry, requestState: 'x' };
  assert.equal((await ask(mine, url, forged)).error?.data?.code, 'handle_unknown', 'forged');
  const again = await ask(mine, url, { ...retry, inputResponses: {} });
  assert.equal(again.result?.['resultType'], 'input_required', 'what is missing is asked for again');
  assert.equal((await ask(mine, url, retry)).error?.data?.code, refused, 'an earlier round');
  const last = { ...retry, requestState: again.result['requestState'] };
  const done = await ask(mine, url, last);
  assert.deepEqual(done.result?.['content'], [{ type: 'text', text: 'decline' }]);
  assert.equal(done.result['resultType'], 'complete');
  assert.equal((await ask(mine, url, last)).error?.data?.code, refused, 'used already');
});

test('T4 list changes on the GET stream of a legacy server reach a modern subscription, tagged with its id', async () => {
  await using old = await openLegacyServer();
  await using town = await townOf(['ci-bot']);
  await town.addHttpServer('old', old.url);
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const url = town.endpoint('old');
  const stop = new AbortController();
  const notifications = { toolsListChanged: true, promptsListChanged: true };
  const stream = await fetch(url, {
    ...modernPost('subscriptions/listen', { notifications }),
    signal: stop.signal,
  });
  let heard = '';
  const reading = (async () => {
    for await (const chunk of stream.body ?? []) heard += Buffer.from(chunk).toString();
  })().catch(() => undefined);
  await until(() => heard.includes('notifications/subscriptions/acknowledged'));
  assert.match(
    heard,
    /"notifications":\{"toolsListChanged":true\}/,
    'only what the server can tell is promised',
  );
  await ask(fetch, url, { name: 'grow', arguments: {} });
  await until(() => heard.includes('notifications/tools/list_changed'));
  assert.match(heard, /list_changed.*"io.modelcontextprotocol\/subscriptionId":7/);
  stop.abort();
  await reading;
});

test('T4 what a legacy server has no counterpart for is refused and says so', async () => {
  await using old = await openLegacyServer();
  await using town = await townOf(['ci-bot']);
  await town.addHttpServer('old', old.url);
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const response = await fetch(town.endpoint('old'), modernPost('tasks/get', {}));
  assert.equal(response.status, 404);
  const told = (await response.json()) as Answer;
  assert.deepEqual([told.error?.code, told.error?.data?.code], [-32601, 'era_not_bridged']);
  assert.ok(!old.seen.some(({ body }) => body.includes('"tasks/get"')));
});

test('T4 the session of a legacy client at a modern server works for nobody else, and ends', async () => {
  await using town = await townOf(['ci-bot', 'thief']);
  const server = sdkServers.find(({ name }) => name === 'v2-http');
  assert.ok(server);
  await using _open = await server.open(town);
  await using mine = mutualFetch(await town.issue('ci-bot'));
  await using other = mutualFetch(await town.issue('thief'));
  const url = town.endpoint('v2-http');
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const clientInfo = { name: 'c', version: '1' };
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo };
  const opened = await mine(url, {
    method: 'POST',
    headers,
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  });
  const { result } = (await opened.json()) as Answer;
  assert.equal(result?.['protocolVersion'], '2025-06-18');
  const session = opened.headers.get('mcp-session-id') ?? '';
  const inside = { ...headers, 'mcp-session-id': session, 'mcp-protocol-version': '2025-06-18' };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' });
  const post = (fetch: Fetch): Promise<Response> => fetch(url, { method: 'POST', headers: inside, body });
  assert.equal((await post(mine)).status, 200);
  assert.equal((await post(other)).status, 404);
  assert.equal((await other(url, { method: 'DELETE', headers: inside })).status, 404);
  assert.equal((await mine(url, { method: 'DELETE', headers: inside })).status, 204);
  assert.equal((await post(mine)).status, 404);
});
