import assert from 'node:assert/strict';
import { test } from 'node:test';
import { post } from '../../tour/raw-request.ts';
import { findOperation } from '../../src/app/admin/operations.ts';
import type { Json, JsonObject } from '../../src/kernel/canonical-json.ts';
import { openTown, type Town, until } from './deployment.ts';
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
