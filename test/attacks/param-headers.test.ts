import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { post, type RawAnswer } from '../../tour/raw-request.ts';
import { openTown } from '../journeys/deployment.ts';

const query = {
  name: 'query',
  inputSchema: {
    type: 'object',
    properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, note: { type: 'string' } },
  },
};

for (const everywhere of [false, true]) {
  const where = everywhere ? 'all servers' : 'one server';
  test(`law 6 T6 a header that routes a call at ${where} is there and says what its own argument says, once any agent has listed the tools`, async () => {
    await routed(everywhere);
  });
}

async function routed(everywhere: boolean): Promise<void> {
  const regions: unknown[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id: number; method: string };
      if (method === 'tools/call') regions.push(request.headers['mcp-param-region']);
      const results: Readonly<Record<string, object>> = {
        'server/discover': { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
        'tools/list': { tools: [query] },
      };
      const result = results[method] ?? { content: [] };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  await using town = await openTown();
  await town.addHttpServer('data', `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  await town.addAgent('ci-bot');
  await town.addAgent('looker');
  await town.permit(`
    permit (principal, action in Action::"read", resource);
    permit (principal == Agent::"ci-bot", action == Action::"tools/call", resource)
      when { context.arguments has region && context.arguments.region == "eu" };
  `);
  const shown = await town.issue('ci-bot');
  const looker = await town.issue('looker');
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const usual = { 'mcp-protocol-version': '2026-07-28' };
  const url = everywhere ? `${town.gateway.agents.url}/mcp` : town.endpoint('data');
  const name = everywhere ? 'data__query' : 'query';
  const list = (as: object): Promise<RawAnswer> =>
    post(
      url,
      { ...shown, ...as },
      false,
      { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } },
      { ...usual, 'mcp-method': 'tools/list' },
    );
  const call = (args: object, headers: Record<string, string>): Promise<RawAnswer> =>
    post(
      url,
      shown,
      false,
      { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name, arguments: args, _meta } },
      { ...usual, 'mcp-method': 'tools/call', 'mcp-name': name, ...headers },
    );

  // Another agent, which may not even call it, has listed the tools; what it was shown does not matter.
  assert.equal((await list(looker)).body.includes('query'), false);
  const args = { region: 'eu', note: 'us' };
  const mismatched = await call(args, { 'mcp-param-region': 'us' });
  assert.equal(mismatched.status, 400);
  assert.match(mismatched.body, /"code":-32020/);
  const both = { 'mcp-param-region': 'eu', 'mcp-param-note': 'us' };
  assert.equal((await call(args, both)).status, 400, 'it mirrors nothing');
  const missing = await call(args, {});
  assert.equal(missing.status, 400, 'whoever routes by it would take a default');
  assert.match(missing.body, /"code":-32020/);
  assert.deepEqual(regions, []);
  const right = await call(args, { 'mcp-param-region': 'eu' });
  assert.equal(right.status, 200, right.body);
  assert.deepEqual(regions, ['eu']);
}
