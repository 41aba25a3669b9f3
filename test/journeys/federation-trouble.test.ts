import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { openTown, type Town, until } from './deployment.ts';
import { legacyClient, modernClient, mutualFetch, textOf } from './mcp-clients.ts';
import { openLegacyServer, openModernServer } from './mcp-servers.ts';
import { type RawAnswer, rawAgent } from './raw-agent.ts';
import { openScriptedServer, tool } from './scripted-server.ts';

const all = 'permit (principal, action, resource);';
const everywhere = (town: Town): string => `${town.gateway.agents.url}/mcp`;
const closedPort = 'http://127.0.0.1:1/mcp';

function names({ result }: RawAnswer): readonly string[] {
  const tools = (result?.['tools'] ?? []) as { name: string }[];
  return tools.map(({ name }) => name);
}

function leftOut({ result }: RawAnswer): readonly { server: string; code: string; detail: string }[] {
  const meta = (result?.['_meta'] ?? {}) as Record<string, unknown>;
  return (meta['countersign/left-out'] ?? []) as { server: string; code: string; detail: string }[];
}

test('T5 a dead and a hanging server are left out of lists and named; the others are listed and called at once', async () => {
  await using well = await openScriptedServer({
    'tools/list': { tools: [tool('act')] },
    'tools/call': { content: [{ type: 'text', text: 'done' }] },
  });
  await using hanging = await openScriptedServer({ 'tools/list': 'wait', 'tools/call': 'wait' });
  await using town = await openTown({ listMilliseconds: 1_200 });
  await town.addHttpServer('well', well.url);
  await town.addHttpServer('hanging', hanging.url);
  await town.addHttpServer('dead', closedPort);
  await town.permit(all);
  await using agent = await rawAgent(town, 'ci-bot');
  const session = await agent.initialize();
  const lists: readonly (() => Promise<RawAnswer>)[] = [
    () => agent.modern('tools/list'),
    () => agent.legacy(session, 'tools/list'),
  ];
  for (const list of lists) {
    const begun = performance.now();
    const answer = await list();
    assert.ok(performance.now() - begun < 5_000);
    assert.deepEqual(names(answer), ['well__act']);
    assert.deepEqual(
      leftOut(answer).map(({ server, code }) => [server, code]),
      [
        ['dead', 'upstream_unreachable'],
        ['hanging', 'upstream_timeout'],
      ],
    );
  }
  assert.equal((await agent.modern('tools/list')).result?.['ttlMs'], 0);
  const again = performance.now();
  await agent.modern('tools/list');
  assert.ok(performance.now() - again < 1_100, 'a server that missed the deadline is waited for less');
  const stuck = agent.modern('tools/call', { name: 'hanging__act', arguments: {} });
  const called = await agent.modern('tools/call', { name: 'well__act', arguments: {} });
  assert.equal(textOf(called.result), 'done');
  assert.equal((await stuck).error?.data?.code, 'upstream_timeout');
  const merged = (await town.events()).filter(({ type }) => type === 'call.merged');
  assert.ok(JSON.stringify(merged).includes('{"code":"upstream_timeout","server":"hanging"}'));
  const failed = (await town.events()).filter(({ type }) => type === 'call.failed');
  assert.ok(failed.some(({ server, code }) => server === 'hanging' && code === 'upstream_timeout'));
});

test('T5 names that look alike are refused in lists and calls, in both eras, and the refusal says why', async () => {
  const script = {
    'tools/list': { tools: [tool('read'), tool('rеad'), tool('get_it'), tool('get-it'), tool('a\u200b')] },
    'tools/call': { content: [] },
  };
  await using server = await openScriptedServer(script);
  await using town = await openTown();
  await town.addHttpServer('files', server.url);
  await town.permit(all);
  await using agent = await rawAgent(town, 'ci-bot');
  const session = await agent.initialize();
  const eras: readonly ((method: string, params?: object) => Promise<RawAnswer>)[] = [
    (method, params) => agent.modern(method, params as Record<string, unknown>),
    (method, params) => agent.legacy(session, method, params as Record<string, unknown>),
  ];
  for (const ask of eras) {
    const list = await ask('tools/list');
    assert.deepEqual(names(list), ['files__read']);
    assert.match(leftOut(list)[0]?.detail ?? '', /"r\\u\{435\}ad"/);
    for (const name of ['files__rеad', 'files__get_it', 'files__get-it', 'files__a\u200b']) {
      const { status, error } = await ask('tools/call', { name, arguments: {} });
      assert.equal(status, 200);
      assert.equal(error?.data?.code, 'name_refused', name);
      assert.match(error.message, /\/mcp\/files/);
    }
    assert.equal((await ask('tools/call', { name: 'files__read', arguments: {} })).error, null);
  }
  assert.equal(server.asked.filter(({ method }) => method === 'tools/call').length, 2);
  const refused = (await town.events()).filter(({ code }) => code === 'name_refused');
  assert.deepEqual(
    refused
      .slice(0, 2)
      .map(({ server, messages }) => [server, (messages as { target: string }[])[0]?.target]),
    [
      ['files', 'rеad'],
      ['files', 'get_it'],
    ],
  );
});

test('T5 A2 an agent that is permitted nothing gets empty lists and not an error, in both eras', async () => {
  await using server = await openScriptedServer({ 'tools/list': { tools: [tool('act')] } });
  await using town = await openTown();
  await town.addHttpServer('files', server.url);
  await using agent = await rawAgent(town, 'ci-bot');
  const session = await agent.initialize();
  const lists = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];
  for (const method of lists) {
    for (const answer of [await agent.modern(method), await agent.legacy(session, method)]) {
      assert.equal(answer.status, 200);
      assert.deepEqual(Object.values(answer.result ?? {})[0], [], method);
      assert.deepEqual(leftOut(answer), []);
    }
  }
  const called = await agent.modern('tools/call', { name: 'files__act', arguments: {} });
  assert.equal(called.error?.data?.code, 'denied');
  assert.deepEqual(server.asked, []);
});

test('T5 A2 what policy does not let the agent see is not there, and a call of it is refused and recorded by its real name', async () => {
  await using files = await openScriptedServer({ 'tools/list': { tools: [tool('read'), tool('delete')] } });
  await using mail = await openScriptedServer({ 'tools/list': { tools: [tool('send')] } });
  await using town = await openTown();
  await town.addHttpServer('files', files.url);
  await town.addHttpServer('mail', mail.url);
  await town.permit(`permit (principal, action in Action::"read", resource) when { resource.name == "files" };
permit (principal, action == Action::"tools/call", resource == Tool::"files/read");`);
  await using agent = await rawAgent(town, 'ci-bot');
  assert.deepEqual(names(await agent.modern('tools/list')), ['files__read']);
  for (const [name, server, target] of [
    ['files__delete', 'files', 'delete'],
    ['mail__send', 'mail', 'send'],
  ] as const) {
    const { status, error } = await agent.modern('tools/call', {
      name,
      arguments: { secret: 'canary-9b1d' },
    });
    assert.equal(status, 200);
    assert.equal(error?.data?.code, 'denied');
    const refusal = (await town.events()).findLast(({ type, messages }) => {
      return type === 'call.refused' && JSON.stringify(messages).includes('tools/call');
    });
    assert.equal(refusal?.['server'], server);
    const messages = (refusal?.['messages'] ?? []) as { target: string }[];
    assert.equal(messages[0]?.target, target);
  }
  assert.equal((await agent.modern('tools/call', { name: 'nowhere__x' })).error?.code, -32602);
  assert.deepEqual(mail.asked, []);
  assert.ok(!files.asked.some(({ method }) => method === 'tools/call'));
  assert.ok(!JSON.stringify(await town.events()).includes('canary-9b1d'));
});

test('T5 servers that come and go while agents are connected are told and used, in both eras', async () => {
  await using old = await openLegacyServer();
  await using other = await openLegacyServer();
  await using modern = await openModernServer();
  await using town = await openTown();
  await town.addHttpServer('old', old.url);
  await town.addHttpServer('modern', modern.url);
  await town.addAgent('ci-bot');
  const only = (server: string): string =>
    `permit (principal, action, resource) when { resource is Server && resource.name == "${server}" || resource has server && resource.server == "${server}" };`;
  await town.permit(only('old'));
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const client = await legacyClient(everywhere(town), fetch);
  let told = 0;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void (told += 1));
  assert.equal((await client.listTools()).tools.length, 5);
  await town.addHttpServer('other', other.url);
  await town.permit(only('old') + only('other'));
  await until(() => told > 0);
  assert.equal((await client.listTools()).tools.length, 10);
  assert.equal(
    textOf(await client.callTool({ name: 'other__echo', arguments: { message: 'x' } })),
    'legacy x',
  );
  told = 0;
  await town.deployment.authority.removeServer('old');
  await until(() => told > 0);
  assert.deepEqual(
    [...new Set((await client.listTools()).tools.map(({ name }) => name.slice(0, 7)))],
    ['other__'],
  );
  await assert.rejects(client.callTool({ name: 'old__echo', arguments: { message: 'x' } }), /No MCP server/);
  await client.close();
  await town.permit(only('modern'));
  const now = await modernClient(everywhere(town), fetch);
  assert.deepEqual(
    (await now.listTools()).tools.map(({ name }) => name),
    ['modern__echo', 'modern__secret'],
  );
  await now.close();
});

test('T5 a server that forgot its session gets a new one without the client noticing, with level and subscriptions', async () => {
  await using server = await openScriptedServer({
    'tools/list': { tools: [tool('act')] },
    'tools/call': { content: [] },
    'logging/setLevel': {},
    'resources/subscribe': {},
  });
  await using town = await openTown();
  await town.addHttpServer('files', server.url);
  await town.permit(all);
  await using agent = await rawAgent(town, 'ci-bot');
  const session = await agent.initialize();
  await agent.legacy(session, 'logging/setLevel', { level: 'debug' });
  await agent.legacy(session, 'resources/subscribe', { uri: 'mcp://files/x:one' });
  server.forget();
  assert.equal(
    (await agent.legacy(session, 'tools/call', { name: 'files__act', arguments: {} })).error,
    null,
  );
  const asked = server.asked.map(({ method }) => method);
  const second = asked.lastIndexOf('initialize');
  assert.ok(second > 0);
  assert.deepEqual(asked.slice(second + 1, second + 4), [
    'notifications/initialized',
    'logging/setLevel',
    'resources/subscribe',
  ]);
  assert.equal(
    server.asked.findLast(({ method }) => method === 'resources/subscribe')?.params['uri'],
    'x:one',
  );
});
