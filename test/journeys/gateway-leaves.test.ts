import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTown, until } from './deployment.ts';
import { rawAgent } from './raw-agent.ts';
import { openHttpServer } from './mcp-servers.ts';
import { openScriptedServer } from './scripted-server.ts';

const wish = { notifications: { toolsListChanged: true } };

test('U7 U8 a gateway that leaves is not ready, answers what comes, ends streams between events, and cuts no call', async () => {
  const proceed = Promise.withResolvers<void>();
  const calls: string[] = [];
  // A server of the old era that answers a call in pieces, the last one late.
  await using slow = await openHttpServer(async (request, response, body) => {
    const { id, method } = (body ?? {}) as { id?: number; method?: string };
    if (request.method !== 'POST' || method !== 'tools/call') {
      response.writeHead(405).end();
      return;
    }
    calls.push(method);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': working\n\n');
    await proceed.promise;
    response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } })}\n\n`);
  });
  await using server = await openScriptedServer({});
  await using town = await openTown();
  await town.addServer({ name: 'slow', transport: 'http', url: slow.url, era: 'modern' });
  await town.addHttpServer('scripted', server.url);
  await town.permit('permit (principal, action, resource);');
  await using caller = await rawAgent(town, 'caller', { server: 'slow' });
  await using listener = await rawAgent(town, 'listener', { server: 'scripted' });
  await using listenerOfAll = await rawAgent(town, 'listener-of-all');
  const session = await listener.initialize();
  const streams = [
    await listener.stream({ session }),
    await listener.stream({ listen: wish }),
    await listenerOfAll.stream({ listen: wish }),
  ];
  await until(() => server.streams >= 3);
  const call = caller.modern('tools/call', { name: 'work', arguments: {} });
  await until(() => calls.length === 1);

  const leaving = town.gateway.drain(2_000, 60_000);
  const ready = await fetch(`${town.deployment.listeners['ops']?.url}/readyz`);
  assert.equal(ready.status, 503);
  server.tell('notifications/tools/list_changed', {});
  const late = await listener.legacy(session, 'ping');
  assert.equal(late.status, 200, 'it still answers');
  await Promise.all(streams.map(({ ended }) => ended));
  for (const { messages } of streams) {
    const methods = messages.map(({ method }) => method);
    assert.ok(methods.includes('notifications/tools/list_changed'), methods.join());
    // MCP 2026-07-28: a response would say that the end is meant.
    assert.ok(!messages.some((message) => 'result' in message));
  }
  await assert.rejects(listener.initialize(), 'and then takes nobody any more');
  proceed.resolve();
  const answer = await call;
  assert.deepEqual(answer.result, { content: [] });
  await leaving;
  assert.equal(calls.length, 1);
});
