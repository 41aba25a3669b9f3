import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { test } from 'node:test';
import { openTown, type Town, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';

const everything = 'permit (principal, action, resource);';

/** A server whose tools answer at once (`echo`), piece by piece for ever (`pour`), or when told (`wait`). */
async function openServer(piece = 1_000) {
  const waiting = new Set<ServerResponse>();
  const seen: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.once('end', () => {
      const { id, method, params } = JSON.parse(body) as {
        id: number;
        method: string;
        params: { name: string };
      };
      if (method === 'server/discover') {
        const result = { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: {} };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
        return;
      }
      if (method === 'tools/list') {
        const tools = ['echo', 'wait', 'pour'].map((name) => ({ name, inputSchema: { type: 'object' } }));
        const result = { resultType: 'complete', tools, ttlMs: 0, cacheScope: 'private' };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
        return;
      }
      seen.push(params.name);
      if (params.name === 'echo') {
        const result = { resultType: 'complete', content: [] };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': began\n\n');
      waiting.add(response);
      response.once('close', () => waiting.delete(response));
      if (params.name === 'pour') {
        const timer = setInterval(() => response.write(`: ${'x'.repeat(piece - 4)}\n\n`), 1);
        response.once('close', () => clearInterval(timer));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    seen,
    waiting,
    endAll: () => waiting.forEach((response) => response.end()),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Fetch = ReturnType<typeof mutualFetch>;

function call(
  town: Town,
  fetch: Fetch,
  tool = 'echo',
  { signal = null, url = town.endpoint('echo') }: { signal?: AbortSignal | null; url?: string } = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    signal,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': tool,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 7,
      method: 'tools/call',
      params: {
        name: tool,
        arguments: {},
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    }),
  });
}

/** A town with the server, and two agents with their ways in. */
async function settled(settings: Record<string, number> = {}, piece = 1_000) {
  await using opened = new AsyncDisposableStack();
  const server = opened.use(await openServer(piece));
  const town = opened.use(await openTown(settings));
  await town.addHttpServer('echo', server.url);
  await town.addAgent('alice');
  await town.addAgent('bob');
  await town.permit(everything);
  const alice = opened.use(mutualFetch(await town.issue('alice')));
  const bob = opened.use(mutualFetch(await town.issue('bob')));
  const held = opened.move();
  return { server, town, alice, bob, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function statusOf(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

test('T7 over the limit: 429, Retry-After, a JSON-RPC error with a stable code, and a record; others pass', async () => {
  await using place = await settled();
  const { server, town, alice, bob } = place;
  await town.limit('limits: [{ name: slow, per: agent, rate: { calls: 2, seconds: 60 } }]');
  assert.equal(await statusOf(call(town, alice)), 200);
  assert.equal(await statusOf(call(town, alice)), 200);
  const refused = await call(town, alice);
  assert.equal(refused.status, 429);
  const after = Number(refused.headers.get('retry-after'));
  assert.ok(after > 25 && after <= 30, `Retry-After: ${after}`);
  const { jsonrpc, error } = (await refused.json()) as {
    jsonrpc: string;
    error: { code: number; message: string; data: { code: string } };
  };
  assert.deepEqual([jsonrpc, error.code, error.data], ['2.0', 429, { code: 'rate_exceeded' }]);
  assert.match(error.message, /"slow"/);
  assert.equal(await statusOf(call(town, bob)), 200);
  assert.equal(server.seen.length, 3);
  const records = (await town.events()).filter(({ type }) => type === 'call.refused');
  assert.deepEqual(
    records.map(({ agent, code }) => [agent, code]),
    [['alice', 'rate_exceeded']],
  );
});

test('T7 limits change without a restart or a lost connection, and a file that is wrong changes nothing and is told', async () => {
  await using place = await settled();
  const { server, town, alice } = place;
  await town.limit('limits: [{ name: one, per: agent, concurrent: 1 }]');
  const stream = await call(town, alice, 'wait');
  assert.equal(await statusOf(call(town, alice)), 429);
  const { authority } = town.deployment;
  await writeFile(join(town.data.policies, 'limits.yaml'), 'limits: [{ name: one, concurent: 5 }]');
  await until(() => authority.policyProblem() !== null);
  assert.match(authority.policyProblem()?.message ?? '', /concurrent\?/);
  assert.equal(await statusOf(call(town, alice)), 429);
  await town.limit('limits: [{ name: one, per: agent, concurrent: 2 }]');
  assert.equal(authority.policyProblem(), null);
  assert.equal(await statusOf(call(town, alice)), 200);
  assert.equal(server.waiting.size, 1);
  server.endAll();
  assert.match(await stream.text(), /began/);
});

test('T7 a call counts as open until its stream ends, and a client that leaves gives its place back (trap: leak per abandoned session)', async () => {
  await using place = await settled();
  const { server, town, alice } = place;
  await town.limit('limits: [{ name: one, per: agent, concurrent: 1 }]');
  for (let left = 0; left < 20; left++) {
    const leave = new AbortController();
    const abandoned = await call(town, alice, 'wait', { signal: leave.signal });
    assert.equal(abandoned.status, 200);
    assert.equal(await statusOf(call(town, alice)), 429);
    leave.abort();
    await until(() => town.gateway.liveCalls() === 0);
  }
  await until(() => server.waiting.size === 0);
  assert.equal(await statusOf(call(town, alice)), 200);
});

test('T7 a stream ends where its budget of octets does, and the next call is refused', async () => {
  await using place = await settled();
  const { town, alice, bob } = place;
  await town.limit('limits: [{ name: little, per: agent, budget: { day: { octets: 20000 } } }]');
  const stream = await call(town, alice, 'pour');
  let octets = 0;
  await assert.rejects(async () => {
    for await (const chunk of stream.body ?? []) octets += (chunk as Uint8Array).length;
  });
  assert.ok(octets > 10_000 && octets <= 20_000, `${octets} octets`);
  const refused = await call(town, alice);
  assert.equal(refused.status, 429);
  assert.match(await refused.text(), /"budget_spent"/);
  assert.equal(await statusOf(call(town, bob)), 200);
  const failed = (await town.events()).filter(({ type }) => type === 'call.failed');
  assert.deepEqual(
    failed.map(({ code }) => code),
    ['budget_spent'],
  );
});

test('T7 the configuration limits every agent when there is no file', async () => {
  await using place = await settled({ callsPerSecondPerAgent: 1 });
  const { town, alice, bob } = place;
  assert.equal(await statusOf(call(town, alice)), 200);
  assert.equal(await statusOf(call(town, alice)), 200);
  assert.equal(await statusOf(call(town, alice)), 429);
  assert.equal(await statusOf(call(town, bob)), 200);
});

test('T7 a flood of one agent is refused beyond its places and others pass (trap: unbounded queue)', async () => {
  await using place = await settled({ concurrentPerAgent: 8 });
  const { server, town, alice, bob } = place;
  const leave = new AbortController();
  const flood = Array.from({ length: 60 }, () => call(town, alice, 'wait', { signal: leave.signal }));
  const statuses = flood.map(async (response) => (await response).status);
  await until(() => server.waiting.size === 8);
  for (let calls = 0; calls < 20; calls++) assert.equal(await statusOf(call(town, bob)), 200);
  const settledStatuses = await Promise.all(statuses);
  assert.equal(settledStatuses.filter((status) => status === 200).length, 8);
  assert.equal(settledStatuses.filter((status) => status === 429).length, 52);
  assert.equal(server.seen.filter((tool) => tool === 'wait').length, 8);
  leave.abort();
  await until(() => town.gateway.liveCalls() === 0);
  assert.equal(await statusOf(call(town, alice)), 200);
});

test('T7 a reader that takes nothing of a stream is cut off in time, with a record, and gives its place back', async () => {
  await using place = await settled({ stalledReaderMilliseconds: 400, concurrentPerAgent: 1 }, 200_000);
  const { server, town, alice } = place;
  const stream = await call(town, alice, 'pour');
  assert.equal(await statusOf(call(town, alice)), 429);
  await until(
    () => server.waiting.size === 0,
    () => Promise.resolve(),
  );
  const failed = (await town.events()).filter(({ type }) => type === 'call.failed');
  assert.deepEqual(
    failed.map(({ code }) => code),
    ['timed_out'],
  );
  await stream.body?.cancel().catch(() => undefined);
  assert.equal(await statusOf(call(town, alice)), 200);
});

test('T7 a stream without news ends properly after a while', async () => {
  await using place = await settled({ silentStreamMilliseconds: 1_000 });
  const { server, town, alice } = place;
  const stream = await call(town, alice, 'wait');
  assert.match(await stream.text(), /began/);
  await until(() => server.waiting.size === 0);
  const failed = (await town.events()).filter(({ type }) => type === 'call.failed');
  assert.deepEqual(
    failed.map(({ code }) => code),
    ['timed_out'],
  );
});

test('T7 a server that is gone is left alone: 503, Retry-After and a stable code, and the state is there to see', async () => {
  await using place = await settled();
  const { server, town, alice } = place;
  assert.equal(await statusOf(call(town, alice)), 200);
  await server[Symbol.asyncDispose]();
  const statuses: number[] = [];
  for (let calls = 0; calls < 5; calls++) statuses.push(await statusOf(call(town, alice)));
  assert.deepEqual(statuses, [502, 502, 502, 502, 502]);
  const refused = await call(town, alice);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '1');
  const { error } = (await refused.json()) as { error: { code: number; data: { code: string } } };
  assert.deepEqual([error.code, error.data.code], [503, 'circuit_open']);
  const ops = town.deployment.listeners['ops']?.url ?? '';
  assert.match(await (await fetch(`${ops}/metrics`)).text(), /^countersign_server_down\{server="echo"\} 1$/m);
  assert.match(
    await (await fetch(`${ops}/readyz`)).text(),
    /"server echo":\{"ok":false,"detail":"left alone/,
  );
});

test('T7 an agent has so many connections, and others connect all the same (trap: unbounded queue)', async () => {
  await using place = await settled({ connectionsPerAgent: 5 });
  const { town, bob } = place;
  const shown = await town.issue('alice');
  const open = (): Promise<TLSSocket> => {
    const { port } = town.gateway.agents;
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ...shown });
    return new Promise((resolve) =>
      socket.on('error', () => undefined).once('secureConnect', () => resolve(socket)),
    );
  };
  const sockets: TLSSocket[] = [];
  for (let opened = 0; opened < 12; opened++) sockets.push(await open());
  await until(() => sockets.filter((socket) => socket.destroyed).length === 7);
  assert.equal(await statusOf(call(town, bob)), 200);
  // With TLS 1.3 the client takes the handshake for done before the server looks.
  sockets.find((socket) => !socket.destroyed)?.destroy();
  await until(() => [...town.gateway.agents.connections()].length <= 5);
  const again = await open();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(again.destroyed, false);
  for (const socket of [...sockets, again]) socket.destroy();
  const refused = (await town.events()).filter(({ type }) => type === 'connection.refused');
  assert.equal(refused.length, 7);
  assert.match(String(refused[0]?.['reason']), /alice has 5 connections open/);
});

test('T7 limits hold at the endpoint of all servers as well, by the names that the server gives', async () => {
  await using place = await settled();
  const { server, town, alice, bob } = place;
  await town.limit('limits: [{ name: one, per: agent, tools: [echo/echo], budget: { day: { calls: 2 } } }]');
  const url = `${town.gateway.agents.url}/mcp`;
  assert.equal(await statusOf(call(town, alice, 'echo__echo', { url })), 200);
  assert.equal(await statusOf(call(town, alice)), 200);
  const refused = await call(town, alice, 'echo__echo', { url });
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers.get('retry-after')) > 1);
  assert.match(await refused.text(), /"budget_spent"/);
  assert.equal(await statusOf(call(town, bob, 'echo__echo', { url })), 200);
  assert.equal(server.seen.length, 3);
});
