import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTown, type Town } from './deployment.ts';
import { legacyClient, modernClient, mutualFetch, textOf } from './mcp-clients.ts';
import { openLegacyServer, openModernServer } from './mcp-servers.ts';

const all = 'permit (principal, action, resource);';
const everywhere = (town: Town): string => `${town.gateway.agents.url}/mcp`;

test('T5 one endpoint lists and calls the tools of all servers of a revision, by server and name', async () => {
  await using first = await openModernServer();
  await using second = await openModernServer();
  await using town = await openTown();
  await town.addHttpServer('first', first.url);
  await town.addHttpServer('second', second.url);
  await town.addAgent('ci-bot');
  await town.permit(all);
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const client = await modernClient(everywhere(town), fetch);
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ['first__echo', 'first__secret', 'second__echo', 'second__secret'],
  );
  assert.equal(
    textOf(await client.callTool({ name: 'second__echo', arguments: { message: 'hi' } })),
    'modern hi',
  );
  await client.close();
});

test('T5 the same with sessions: calls, progress and questions of the server pass both ways', async () => {
  await using first = await openLegacyServer();
  await using second = await openLegacyServer();
  await using town = await openTown();
  await town.addHttpServer('first', first.url);
  await town.addHttpServer('second', second.url);
  await town.addAgent('ci-bot');
  await town.permit(all);
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const client = await legacyClient(everywhere(town), fetch);
  const { tools } = await client.listTools();
  assert.equal(tools.length, 10);
  assert.equal(
    textOf(await client.callTool({ name: 'first__echo', arguments: { message: 'hi' } })),
    'legacy hi',
  );
  const progress: number[] = [];
  await client.callTool({ name: 'second__count', arguments: {} }, undefined, {
    onprogress: (step) => progress.push(step.progress),
  });
  assert.deepEqual(progress, [1, 2, 3]);
  assert.equal(textOf(await client.callTool({ name: 'second__ask', arguments: {} })), 'accept');
  await client.close();
});
