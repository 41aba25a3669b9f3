import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../../kernel/bytes.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { createSeal } from '../../kernel/seal.ts';
import { jsonOf, post } from '../inbound.fixture.ts';
import { defaultUpstreamLimits, type UpstreamLimits } from '../limits.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../upstream.ts';
import { bridgeEras } from './bridge-eras.ts';

type Serve = (message: JsonObject, request: UpstreamRequest) => UpstreamResponse | Promise<UpstreamResponse>;

/** A server as a function, which remembers what it was sent. */
function serverOf(serve: Serve): { readonly inner: Upstream; readonly seen: string[] } {
  const seen: string[] = [];
  const inner: Upstream = {
    name: 'test',
    async send(request) {
      const message = request.inbound?.messages[0];
      seen.push(message?.method ?? request.method);
      if (message) return await serve(message.value, request);
      return { status: request.method === 'GET' ? 405 : 204, headers: {}, body: new Uint8Array() };
    },
    health: () => ({ state: 'up', detail: '' }),
    endCaller: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return { inner, seen };
}

function told(value: JsonObject, status = 200, headers: Record<string, string> = {}): UpstreamResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: utf8(JSON.stringify({ jsonrpc: '2.0', ...value })),
  };
}

let sessions = 0;
const legacy: Serve = (message) => {
  const id = message['id'] ?? null;
  if (message['method'] === 'initialize') {
    const result = {
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 's', version: '1' },
    };
    return told({ id, result }, 200, { 'mcp-session-id': `s-${++sessions}` });
  }
  if (id === null) return { status: 202, headers: {}, body: new Uint8Array() };
  if (message['method'] === 'server/discover')
    return told({ id, error: { code: -32000, message: 'no session' } }, 400);
  return told({ id, result: { tools: [] } });
};

function bridged(
  inner: Upstream,
  {
    log = () => undefined,
    ...limits
  }: Partial<UpstreamLimits> & { readonly log?: (line: string) => void } = {},
  clock = steppedClock(0),
): Upstream {
  return bridgeEras(inner, {
    era: 'auto',
    silenceIsLegacy: false,
    clock,
    limits: { ...defaultUpstreamLimits, ...limits },
    seal: createSeal(new Uint8Array(32)),
    log,
  });
}

const list = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} } as const;

function modernAs(caller: string): UpstreamRequest {
  return post('modern', list, { caller });
}

test('T4 what a server speaks is asked once, and every caller has a session of its own', async () => {
  const { inner, seen } = serverOf(legacy);
  await using upstream = bridged(inner);
  for (const caller of ['a', 'b', 'a']) {
    const answer = await jsonOf(await upstream.send(modernAs(caller)));
    assert.deepEqual(answer['result'], {
      tools: [],
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '1' } },
    });
  }
  const count = (method: string): number => seen.filter((one) => one === method).length;
  assert.deepEqual([count('server/discover'), count('initialize'), count('tools/list')], [1, 2, 3]);
});

test('T4 ending a caller ends its session at the server and nobody else’s', async () => {
  const { inner, seen } = serverOf(legacy);
  await using upstream = bridged(inner);
  await upstream.send(modernAs('a'));
  await upstream.send(modernAs('b'));
  await upstream.endCaller('a');
  assert.equal(seen.filter((one) => one === 'DELETE').length, 1);
  await upstream.send(modernAs('b'));
  assert.equal(seen.filter((one) => one === 'initialize').length, 2);
});

test('T4 a caller has so many sessions: the one unused for longest makes room', async () => {
  const { inner, seen } = serverOf(legacy);
  await using upstream = bridged(inner, { sessionsPerCaller: 2 });
  for (const roots of [1, 2, 3]) {
    const _meta = { 'io.modelcontextprotocol/clientCapabilities': { experimental: { roots } } };
    await upstream.send(post('modern', { ...list, params: { _meta } }, { caller: 'a' }));
  }
  assert.equal(seen.filter((one) => one === 'initialize').length, 3);
  assert.equal(seen.filter((one) => one === 'DELETE').length, 1);
});

test('T4 a server that does not say what it speaks is given up in bounded time, and asked again', async () => {
  let hangs = true;
  const { inner } = serverOf(async (message, request) => {
    if (!hangs) return await legacy(message, request);
    return await new Promise((_, reject) =>
      request.signal.addEventListener('abort', () => reject(new Fault('unavailable', 'left'))),
    );
  });
  await using upstream = bridged(inner, { probeMilliseconds: 50 });
  await assert.rejects(upstream.send(modernAs('a')), { code: 'upstream_timeout' });
  hangs = false;
  assert.equal((await upstream.send(modernAs('a'))).status, 200);
});

test('T4 a server that failed may speak another era afterwards: it is asked again', async () => {
  let era: 'legacy' | 'down' | 'modern' = 'legacy';
  const clock = steppedClock(0);
  const { inner } = serverOf(async (message, request) => {
    if (era === 'down') throw new Fault('upstream_unreachable', 'down');
    if (era === 'legacy') return await legacy(message, request);
    const id = message['id'] ?? null;
    const result =
      message['method'] === 'server/discover' ? { supportedVersions: ['2026-07-28'] } : { modern: true };
    return told({ id, result });
  });
  await using upstream = bridged(inner, {}, clock);
  await upstream.send(modernAs('a'));
  era = 'down';
  clock.advance(2_000);
  await assert.rejects(upstream.send(modernAs('a')), { code: 'upstream_unreachable' });
  era = 'modern';
  assert.deepEqual((await jsonOf(await upstream.send(modernAs('a'))))['result'], { modern: true });
});

test('T4 a session that the server forgot is opened again, and the request is sent once more', async () => {
  let forgotten = true;
  const { inner, seen } = serverOf((message, request) => {
    if (message['method'] === 'tools/list' && forgotten) {
      forgotten = false;
      return told({ id: null, error: { code: -32001, message: 'Session not found' } }, 404);
    }
    return legacy(message, request);
  });
  await using upstream = bridged(inner);
  assert.ok((await jsonOf(await upstream.send(modernAs('a'))))['result']);
  assert.equal(seen.filter((one) => one === 'initialize').length, 2);
});

test('T3 a server that refuses to open a session as one of HTTP+SSE does is told of, with what to do', async () => {
  const { inner } = serverOf(() => ({ status: 405, headers: {}, body: new Uint8Array() }));
  const lines: string[] = [];
  await using upstream = bridged(inner, { log: (line) => lines.push(line) });
  const opened = await upstream.send(
    post('legacy', { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }),
  );
  assert.equal(opened.status, 405);
  assert.match(lines.join(), /--transport sse/);
  await assert.rejects(upstream.send(modernAs('a')), { code: 'upstream_failed', message: /--transport sse/ });
});
