import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Json } from '../../src/kernel/canonical-json.ts';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { openHttpServer } from '../journeys/mcp-servers.ts';
import { agentFor, runGuide, townFor } from './run-guide.ts';

/** The form of a token of GitHub, and nobody's. */
const another = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;

test('S2 the commands of the guide to secrets that come back do what it says', {
  skip: missing('bash', 'curl', 'openssl'),
  timeout: 150_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const server = opened.use(
    await openHttpServer(async (request, response, body) => {
      const { id, method } = (body ?? {}) as { readonly id?: Json; readonly method?: string };
      const key = String(request.headers['x-api-key']);
      const told = `${key} ${Buffer.from(key).toString('base64')} ${another}`;
      response.writeHead(id === undefined ? 202 : 200, { 'content-type': 'application/json' });
      const result = answers(told)[method ?? ''];
      response.end(id === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id, result }));
    }),
  );
  const town = opened.use(await openTown());
  await town.permit('permit (principal, action, resource);');
  const known = {
    ...(await townFor(town, folder)),
    GATEWAY: town.gateway.agents.url,
    AGENT: await agentFor(town, 'ci-bot', folder),
    SERVER: server.url,
    LOG: town.data.gatewayLog,
  };
  await runGuide('redaction', known, ({ code, said }) => {
    assert.equal(code, 0, said);
  });
});

function answers(told: string): Readonly<Record<string, Json>> {
  return {
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'mirror', version: '1' },
    },
    'tools/list': { tools: [{ name: 'work', inputSchema: { type: 'object' } }] },
    'tools/call': { content: [{ type: 'text', text: told }] },
  };
}
