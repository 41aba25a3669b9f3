import assert from 'node:assert/strict';
import { test } from 'node:test';
import { post } from '../../tour/raw-request.ts';
import { findOperation } from '../../src/app/admin/operations.ts';
import type { Json, JsonObject } from '../../src/kernel/canonical-json.ts';
import { join } from 'node:path';
import { openTown, type Town, until } from './deployment.ts';
import { openLegacyServer, openModernServer } from './mcp-servers.ts';
import { rawAgent } from './raw-agent.ts';
import { openScriptedServer, tool } from './scripted-server.ts';

async function ask(town: Town, name: string, input: Json = {}): Promise<Json> {
  const actor = { name: 'a test', way: 'local' } as const;
  return await findOperation(name).run(town.deployment.authority, input, actor);
}

test('A5 the authority knows the whole definition of every tool that a server was seen to list, policy or not', async () => {
  const shown = { ...tool('read'), title: 'Read', _meta: { 'example.com/kept': { z: 1, a: [2] } } };
  await using server = await openScriptedServer({ 'tools/list': { tools: [shown, tool('write')] } });
  await using town = await openTown();
  await town.addHttpServer('files', server.url);
  // The agent may see one of the two.
  await town.permit(`permit (principal, action in [Action::"tools/list", Action::"tools/call"], resource) unless
    { resource == Tool::"files/write" };`);
  await using agent = await rawAgent(town, 'ci-bot', { server: 'files' });
  const listed = await agent.modern('tools/list');
  assert.deepEqual(
    ((listed.result?.['tools'] ?? []) as JsonObject[]).map(({ name }) => name),
    ['read'],
  );

  let list: Json = [];
  await until(
    () => (list as Json[]).length === 2,
    async () => {
      list = await ask(town, 'tool.list');
    },
  );
  assert.deepEqual(
    (list as JsonObject[]).map(({ server: of, tool: name, state }) => [of, name, state]),
    [
      ['files', 'read', 'waiting'],
      ['files', 'write', 'waiting'],
    ],
  );
  assert.deepEqual(await ask(town, 'tool.definitions'), { files: { read: shown, write: tool('write') } });
  await assert.rejects(ask(town, 'tool.show', { server: 'files', tool: 'raed' }), /Did you mean read\?/);
  await assert.rejects(ask(town, 'tool.list', { server: 'fils' }), { code: 'not_found' });

  // A gateway elsewhere says so itself, nobody else may, and what is said of a server that is not there counts nothing.
  const report = { server: 'files', whole: true, definitions: ['{"name":"third"}', '{"no":"name"}'] };
  const tell = async (holder: Awaited<ReturnType<Town['issue']>>, reports: unknown): Promise<number | null> =>
    (await post(`${town.authorityUrl}/v1/tools`, holder, false, { reports }, {})).status;
  const edge = await town.issue('edge', 'gateway');
  assert.equal(await tell(edge, [{ ...report, definitions: ['{'] }]), 400);
  assert.equal(await tell(edge, [report, { ...report, server: 'nowhere' }]), 200);
  assert.notEqual(await tell(await town.issue('ci-bot'), [report]), 200);
  const known = (await ask(town, 'tool.list')) as JsonObject[];
  assert.deepEqual(
    known.map(({ tool: name }) => name),
    ['read', 'third', 'write'],
  );

  await town.deployment.authority.removeServer('files');
  assert.deepEqual(await ask(town, 'tool.list'), []);
});

test('A5 benign: clients of both eras are given one definition by servers of the official SDKs, and each server started alone', async () => {
  await using legacy = await openLegacyServer();
  await using modern = await openModernServer();
  await using town = await openTown();
  const command = ['node', join(import.meta.dirname, 'stdio-server-v2.ts')];
  const servers = [
    { name: 'legacy', count: 5, definition: { transport: 'http', url: legacy.url } },
    { name: 'modern', count: 2, definition: { transport: 'http', url: modern.url } },
    { name: 'started', count: 7, definition: { transport: 'stdio', command } },
  ];
  await town.permit('permit (principal, action, resource);');
  for (const { name, count, definition } of servers) {
    await town.addServer({ name, tools: 'first-list', ...definition });
    let rows: readonly JsonObject[] = [];
    const look = async (): Promise<void> => {
      rows = (await ask(town, 'tool.list', { server: name })) as JsonObject[];
    };
    await until(() => rows.length === count, look).catch(() => assert.equal(rows.length, count, name));
    // Those that another server has as well wait for their word.
    const tools = rows.map(({ tool: of, hash }) => ({ tool: of ?? '', hash: hash ?? '' }));
    await ask(town, 'tool.approve', { server: name, tools, sameName: true });
    const { pins } = town.gateway.view;
    await until(() => tools.every(({ tool: of }) => pins.find(name, of as string)?.state === 'approved'));
    await using agent = await rawAgent(town, `${name}-bot`, { server: name });
    const ofModern = await agent.modern('tools/list');
    const clientInfo = { name: 'raw', version: '1' };
    const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    const { session } = await agent.legacy(null, 'initialize', hello);
    const ofLegacy = await agent.legacy(session, 'tools/list');
    for (const { result } of [ofModern, ofLegacy])
      assert.equal(((result?.['tools'] ?? []) as Json[]).length, rows.length, name);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await look();
    assert.deepEqual([...new Set(rows.map(({ state }) => state))], ['approved'], name);
  }
});
