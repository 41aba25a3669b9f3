import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { openTown } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';

const list = {
  jsonrpc: '2.0',
  id: 1,
  result: {
    tools: [
      { name: 'echo', inputSchema: {} },
      { name: 'secret', inputSchema: {} },
    ],
  },
};
const news =
  '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1.50}}';

/** A server that keeps its answers and sends them again on a resumed stream, as MCP 2025-11-25 lets it. */
async function openResumingServer(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`id: 2\ndata: ${news}\n\nid: 3\ndata: ${JSON.stringify(list)}\n\n`);
      return;
    }
    request.resume().once('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 's' });
      response.end('id: 1\ndata: {"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}\n\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('A2 law 7 a list that a server sends again on a resumed stream is filtered too (trap: list leaked to denied consumers)', async () => {
  await using server = await openResumingServer();
  await using town = await openTown();
  await town.addHttpServer('old', server.url);
  await town.addAgent('ci-bot');
  await town.permit(`
    permit (principal, action in Action::"read", resource);
    permit (principal, action == Action::"tools/call", resource) when { resource.name == "echo" };
  `);
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const opened = await fetch(town.endpoint('old'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    }),
  });
  const session = opened.headers.get('mcp-session-id') ?? '';
  await opened.text();
  const resumed = await fetch(town.endpoint('old'), {
    headers: { accept: 'text/event-stream', 'mcp-session-id': session, 'last-event-id': '1' },
  });
  const text = await resumed.text();
  assert.match(text, /"echo"/);
  assert.doesNotMatch(text, /secret/);
  assert.ok(text.includes(`id: 2\ndata: ${news}\n\n`), 'what is no list keeps its octets');
});
