import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client as ModernClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { openTown, type Town } from './deployment.ts';
import { mutualFetch, textOf } from './mcp-clients.ts';
import { openLegacyServer } from './mcp-servers.ts';

const all = 'permit (principal, action, resource);';

async function townWith(prepare: (town: Town) => Promise<void>): Promise<Town> {
  const town = await openTown();
  await prepare(town);
  await town.addAgent('ci-bot');
  await town.permit(all);
  return town;
}

type Fetch = ReturnType<typeof mutualFetch>;

/** The official SDK 2.x, speaking 2026-07-28 and nothing else, that accepts what it is asked for. */
async function askable(url: string, fetch: Fetch): Promise<ModernClient> {
  const client = new ModernClient(
    { name: 'v2', version: '1' },
    { capabilities: { elicitation: {} }, versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: {} }));
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch }));
  return client;
}

test('T4 SDK 2.x client and SDK 1.x server over HTTP: discover, list, call, progress and a question to the client', async () => {
  await using old = await openLegacyServer();
  await using town = await townWith((made) => made.addHttpServer('old', old.url));
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const client = await askable(town.endpoint('old'), fetch);
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), ['ask', 'count', 'echo', 'grow', 'hang']);
  assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'legacy hi');
  const progress: number[] = [];
  const counted = await client.callTool(
    { name: 'count', arguments: {} },
    { onprogress: (step) => void progress.push(step.progress) },
  );
  assert.equal(textOf(counted), 'counted');
  assert.deepEqual(progress, [1, 2, 3]);
  assert.equal(textOf(await client.callTool({ name: 'ask', arguments: {} })), 'accept');
  await client.close();
});
