import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { openTown, type Town, until } from './deployment.ts';
import { exercise, within } from './exercise.ts';
import { legacyClient, modernClient, mutualFetch, textOf } from './mcp-clients.ts';
import { sdkClients } from './sdk-clients.ts';
import { sdkServers } from './sdk-servers.ts';
import { openSdkTown } from './sdk-town.ts';

const all = 'permit (principal, action, resource);';
const everywhere = (town: Town): string => `${town.gateway.agents.url}/mcp`;
const modules = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol');

for (const sdk of sdkClients) {
  test(`T4 T5 SDK ${sdk.name} uses every official server, of both eras at once, at one endpoint`, async () => {
    await using opened = new AsyncDisposableStack();
    const { town } = opened.use(await openSdkTown());
    for (const server of sdkServers) opened.use(await server.open(town));
    const fetch = opened.use(mutualFetch(await town.issue('ci-bot')));
    const way = { kind: 'http', url: everywhere(town), fetch: fetch as typeof globalThis.fetch } as const;
    const client = opened.use(await sdk.connect(way));
    for (const { name } of sdkServers) await exercise(client, name.slice(0, 2), within(name));
  });
}

interface Real extends AsyncDisposable {
  readonly town: Town;
  readonly url: string;
  readonly fetch: ReturnType<typeof mutualFetch>;
}

/** The two reference servers as children, and an agent that may do everything. */
async function realServers(): Promise<Real> {
  await using opened = new AsyncDisposableStack();
  const town = opened.use(await openTown());
  const node = process.execPath;
  const script = (name: string): string => join(modules, name, 'dist/index.js');
  await town.addStdioServer('everything', [node, script('server-everything'), 'stdio']);
  await town.addStdioServer('files', [node, script('server-filesystem'), town.data.policies]);
  await town.addAgent('ci-bot');
  await town.permit(all);
  const fetch = opened.use(mutualFetch(await town.issue('ci-bot')));
  const held = opened.move();
  return { town, url: everywhere(town), fetch, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

test('T5 the reference servers together: tools, resources and templates, prompts, completion, each by its own name', async () => {
  await using real = await realServers();
  const { town, url, fetch } = real;
  const client = await legacyClient(url, fetch);
  const { tools } = await client.listTools();
  assert.ok(tools.some(({ name }) => name === 'everything__echo'));
  assert.ok(tools.some(({ name }) => name === 'files__read_text_file'));
  const path = join(town.data.policies, 'test.cedar');
  assert.equal(textOf(await client.callTool({ name: 'files__read_text_file', arguments: { path } })), all);
  const sum = await client.callTool({ name: 'everything__get-sum', arguments: { a: 2, b: 3 } });
  assert.match(textOf(sum), /5/);

  const { resources } = await client.listResources();
  const uri = resources[0]?.uri ?? '';
  assert.match(uri, /^mcp:\/\/everything\/demo:\/\//);
  assert.equal((await client.readResource({ uri })).contents[0]?.uri, uri);
  const { resourceTemplates } = await client.listResourceTemplates();
  const template = resourceTemplates.find(({ uriTemplate }) => uriTemplate.includes('text'))?.uriTemplate;
  const dynamic = template?.replace('{resourceId}', '7') ?? '';
  assert.equal((await client.readResource({ uri: dynamic })).contents[0]?.uri, dynamic);
  const linked = await client.callTool({ name: 'everything__get-resource-links', arguments: { count: 1 } });
  const link = (linked.content as { type: string; uri?: string }[]).find(
    ({ type }) => type === 'resource_link',
  );
  assert.equal((await client.readResource({ uri: link?.uri ?? '' })).contents[0]?.uri, link?.uri);

  const { prompts } = await client.listPrompts();
  assert.ok(prompts.some(({ name }) => name === 'everything__simple-prompt'));
  assert.equal((await client.getPrompt({ name: 'everything__simple-prompt' })).messages.length, 1);
  const { completion } = await client.complete({
    ref: { type: 'ref/prompt', name: 'everything__completable-prompt' },
    argument: { name: 'department', value: 'E' },
  });
  assert.deepEqual(completion.values, ['Engineering']);
  await client.close();
});

test('T5 a subscription at one server brings its news, under its name at the endpoint, to the stream of all', async () => {
  await using real = await realServers();
  const client = await legacyClient(real.url, real.fetch);
  const updated: string[] = [];
  client.setNotificationHandler(
    ResourceUpdatedNotificationSchema,
    ({ params }) => void updated.push(params.uri),
  );
  const uri = (await client.listResources()).resources[0]?.uri ?? '';
  await client.setLoggingLevel('warning');
  await client.subscribeResource({ uri });
  await client.callTool({ name: 'everything__toggle-subscriber-updates', arguments: {} });
  await until(() => updated.length > 0);
  assert.equal(updated[0], uri);
  await client.unsubscribeResource({ uri });
  await client.close();
});

test('S4 every part of a call at all servers is in the log by its real names, with the whole beside it', async () => {
  await using real = await realServers();
  const client = await legacyClient(real.url, real.fetch);
  await client.listTools();
  await client.callTool({ name: 'everything__echo', arguments: { message: 'canary-4f2e' } });
  await client.close();
  const events = await real.town.events();
  const calls = events.filter(({ messages }) => JSON.stringify(messages ?? '').includes('tools/call'));
  assert.deepEqual(
    calls.map(({ type, server, messages }) => [type, server, (messages as { target: string }[])[0]?.target]),
    [
      ['call.permitted', 'everything', 'echo'],
      ['call.answered', 'everything', 'echo'],
    ],
  );
  const lists = events.filter(({ messages }) => JSON.stringify(messages ?? '').includes('tools/list'));
  const merged = lists.find(({ type }) => type === 'call.merged');
  assert.deepEqual(
    [merged?.['server'], merged?.['servers'], merged?.['leftOut']],
    ['*', ['everything', 'files'], []],
  );
  const parts = lists.filter(({ type }) => type === 'call.permitted');
  assert.deepEqual(new Set(parts.map(({ server }) => server)), new Set(['everything', 'files']));
  assert.equal(parts.length, 2);
  for (const { exchange } of parts)
    assert.ok(String(exchange).startsWith(`${String(merged?.['exchange'])}.`));
  assert.ok(!JSON.stringify(events).includes('canary-4f2e'));
});

test('T5 an agent that lost its standing loses its stream at all servers within a second', async () => {
  await using real = await realServers();
  const { town, url, fetch } = real;
  const client = await modernClient(url, fetch);
  const listening = await client.listen({ toolsListChanged: true });
  await town.deployment.authority.changeAgentState('ci-bot', 'suspended', 'test');
  const begun = performance.now();
  await listening.closed;
  assert.ok(performance.now() - begun < 1_000);
  await assert.rejects(client.listTools());
  await client.close();
});
