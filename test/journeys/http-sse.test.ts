import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { openTown, type Town, until } from './deployment.ts';
import { legacyClient, modernClient, mutualFetch } from './mcp-clients.ts';
import { type HttpServer, openHttpServer } from './mcp-servers.ts';
import { legacyNews, note } from './news-servers.ts';

interface SseServer extends HttpServer {
  /** The streams that are open. */
  readonly streams: ReadonlySet<ServerResponse>;
}

/** A server of SDK 1.x with HTTP+SSE whose streams a test can break. */
async function openSseServer(): Promise<SseServer> {
  const held = new Map<string, SSEServerTransport>();
  const streams = new Set<ServerResponse>();
  const server = await openHttpServer(async (request, response, body) => {
    if (request.method === 'GET') {
      const transport = new SSEServerTransport('/messages', response);
      held.set(transport.sessionId, transport);
      streams.add(response);
      response.once('close', () => {
        streams.delete(response);
        held.delete(transport.sessionId);
      });
      return await legacyNews().connect(transport);
    }
    const session = new URL(request.url ?? '', 'http://server').searchParams.get('sessionId');
    const transport = held.get(session ?? '');
    if (transport) await transport.handlePostMessage(request, response, body);
    else response.writeHead(404).end();
  });
  return Object.assign(server, { streams });
}

async function townWith(server: SseServer, agents: readonly string[]): Promise<Town> {
  const town = await openTown();
  await town.addSseServer('old', server.url);
  for (const agent of agents) await town.addAgent(agent);
  await town.permit('permit (principal, action, resource);');
  return town;
}

const touch = { name: 'touch', arguments: {} };

test('T3 I7 an agent that is suspended loses its stream at an HTTP+SSE server within a second, and nobody else does', async () => {
  await using server = await openSseServer();
  await using town = await townWith(server, ['ci-bot', 'other']);
  await using mine = mutualFetch(await town.issue('ci-bot'));
  await using theirs = mutualFetch(await town.issue('other'));
  const client = await modernClient(town.endpoint('old'), mine);
  const other = await legacyClient(town.endpoint('old'), theirs);
  await client.callTool(touch);
  await other.callTool(touch);
  assert.equal(server.streams.size, 2, 'one stream for each of them');
  const began = performance.now();
  await town.deployment.authority.changeAgentState('ci-bot', 'suspended', 'test');
  await until(() => server.streams.size === 1);
  assert.ok(performance.now() - began < 1_000, `${performance.now() - began} ms`);
  await other.callTool(touch);
  await other.close();
  await client.close();
});

test('T3 T5 a client at /mcp does not notice that an HTTP+SSE server lost its sessions, and still hears of what it subscribed to', async () => {
  await using server = await openSseServer();
  await using town = await townWith(server, ['ci-bot']);
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const client = await legacyClient(`${town.gateway.agents.url}/mcp`, fetch);
  const updated: string[] = [];
  client.setNotificationHandler(
    ResourceUpdatedNotificationSchema,
    ({ params }) => void updated.push(params.uri),
  );
  const uri = `mcp://old/${note}`;
  await client.subscribeResource({ uri });
  await client.callTool({ ...touch, name: 'old__touch' });
  await until(() => updated.length === 1);
  for (const stream of server.streams) stream.destroy();
  await until(() => server.streams.size === 0);
  await client.callTool({ ...touch, name: 'old__touch' });
  await until(
    () => updated.length > 1,
    async () => void (await client.callTool({ ...touch, name: 'old__touch' })),
  );
  assert.deepEqual(new Set(updated), new Set([uri]));
  await client.close();
});

test('T3 S1 what an HTTP+SSE server is sent carries the credential of its definition and nothing of the agent’s session', async () => {
  await using server = await openSseServer();
  await using town = await openTown();
  const definition = {
    name: 'old',
    transport: 'sse',
    url: server.url,
    headers: { 'x-key': 'of the gateway' },
  };
  await town.addServer(definition);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const client = await legacyClient(town.endpoint('old'), fetch);
  await client.callTool(touch);
  await client.close();
  assert.ok(server.seen.length >= 4);
  for (const { headers } of server.seen) {
    assert.equal(headers['x-key'], 'of the gateway');
    for (const name of ['authorization', 'mcp-session-id', 'cookie', 'user-agent'])
      assert.equal(headers[name], undefined);
  }
});
