import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../http/fetch.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { encodeSseEvent } from '../mcp/sse.ts';
import { answerJson, quick, resultFor, setStage, type Stage, until } from './bridge.fixture.ts';
import { startBridge } from './bridge.ts';
import type { RunningBridge } from './open-face.ts';

async function open(stage: Stage): Promise<{ readonly bridge: RunningBridge; readonly url: string }> {
  stage.authority.tokens.set('token', 'ci-bot');
  const bridge = await startBridge(stage.options({ joinToken: 'token', face: { kind: 'http', port: 0 } }));
  assert.ok(bridge.face.kind === 'http');
  return { bridge, url: bridge.face.url };
}

const posting = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-session-id': 'mine',
  'mcp-protocol-version': '2025-11-25',
};

test('U2 loopback HTTP passes body, MCP headers, status and stream on, and no credential', async () => {
  await using stage = await setStage(async ({ exchange }) => {
    const stream = exchange.stream(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 'yours' });
    await stream.write(encodeSseEvent({ data: '{"n":1}' }));
    await stream.end();
  });
  const { bridge, url } = await open(stage);
  await using held = bridge;
  await using client = createClient({ addressGuard: 'any' });
  const headers = { ...posting, authorization: 'Bearer x', cookie: 'a=b', 'x-user': 'root' };
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
  const answer = await client.request({ method: 'POST', url, headers, body });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['mcp-session-id'], 'yours');
  assert.equal(Buffer.from(answer.body).toString(), 'data: {"n":1}\n\n');
  const [seen] = stage.seen;
  assert.equal(seen?.message['method'], 'tools/list');
  assert.equal(seen.exchange.headers.get('mcp-session-id'), 'mine');
  for (const name of ['authorization', 'cookie', 'x-user'])
    assert.equal(seen.exchange.headers.get(name), null);
  assert.ok(held);
});

test('T6 loopback HTTP refuses foreign hosts and pages, other paths and other methods', async () => {
  await using stage = await setStage();
  const { bridge, url } = await open(stage);
  await using _held = bridge;
  await using client = createClient({ addressGuard: 'any' });
  const ask = async (method: string, at: string, headers: Record<string, string>): Promise<number> =>
    (await client.request({ method, url: at, headers, ...(method === 'POST' ? { body: '{}' } : {}) })).status;
  assert.equal(await ask('POST', url, { ...posting, host: 'evil.example' }), 421);
  assert.equal(await ask('POST', url, { ...posting, origin: 'https://evil.example' }), 403);
  assert.equal(await ask('POST', url.replace('/mcp', '/'), posting), 404);
  assert.equal(await ask('PUT', url, {}), 405);
  assert.equal(stage.seen.length, 0);
});

test('U2 a client of loopback HTTP that leaves ends the call at the gateway', async () => {
  let left = false;
  await using stage = await setStage(async ({ exchange }) => {
    const stream = exchange.stream(200, { 'content-type': 'text/event-stream' });
    await stream.write(': here\n\n');
    await new Promise((resolve) => {
      exchange.closed.addEventListener('abort', resolve);
    });
    left = true;
  });
  const { bridge, url } = await open(stage);
  await using _held = bridge;
  await using client = createClient({ addressGuard: 'any' });
  const leaving = new AbortController();
  const request = { method: 'POST', url, headers: posting, body: '{}', signal: leaving.signal };
  const { chunks } = await client.request({ ...request, stream: true });
  for await (const _chunk of chunks) break;
  leaving.abort();
  await until(() => left);
});

test('loopback HTTP tells a failure as a JSON-RPC error with the id of the request', async () => {
  await using stage = await setStage(({ exchange, message }) => answerJson(exchange, resultFor(message)));
  stage.authority.tokens.set('token', 'ci-bot');
  const limits = { ...quick, patienceMilliseconds: 0 };
  const face = { kind: 'http', port: 0 } as const;
  await using bridge = await startBridge(stage.options({ joinToken: 'token', face, limits }));
  await stage.gateway.close();
  await using client = createClient({ addressGuard: 'any' });
  const url = bridge.face.kind === 'http' ? bridge.face.url : '';
  const answer = await client.request({
    method: 'POST',
    url,
    headers: posting,
    body: '{"id":"a","method":"x"}',
  });
  assert.equal(answer.status, 502);
  const { id, error } = answer.json() as JsonObject;
  assert.equal(id, 'a');
  assert.deepEqual((error as JsonObject)['data'], { code: 'gateway_unreachable' });
});

test('a port that is taken is told before anything runs', async () => {
  await using stage = await setStage();
  const { bridge, url } = await open(stage);
  await using _held = bridge;
  const port = Number(new URL(url).port);
  await assert.rejects(startBridge(stage.options({ face: { kind: 'http', port } })), { code: 'port_taken' });
});
