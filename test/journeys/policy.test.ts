import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { post, type RawAnswer } from '../../tour/raw-request.ts';
import { openTown, type Presentable, type Town } from './deployment.ts';

const all = {
  'tools/list': { tools: [{ name: 'read_file' }, { name: 'write_file' }] },
  'prompts/list': { prompts: [{ name: 'review' }, { name: 'deploy' }] },
  'resources/list': { resources: [{ uri: 'file:///public/a' }, { uri: 'file:///private/b' }] },
  'resources/templates/list': {
    resourceTemplates: [{ uriTemplate: 'file:///public/{x}' }, { uriTemplate: 'file:///private/{x}' }],
  },
} as const;

const policy = `
permit (principal, action in Action::"read", resource);
permit (principal in Role::"reader", action == Action::"tools/call", resource == Tool::"files/read_file")
  when { context.arguments has path && context.arguments.path like "/public/*" };
permit (principal in Role::"writer", action == Action::"tools/call", resource in Server::"files");
forbid (principal, action == Action::"tools/call", resource)
  when { context.arguments has dryRun && context.arguments.dryRun == false };
permit (principal, action == Action::"prompts/get", resource) when { resource.name == "review" };
permit (principal, action == Action::"resources/read", resource) when { resource.uri like "file:///public/*" };
`;

/** Roles, tools, arguments, prompts and resources, decided by the gateway for every request of its own. */
describe('A1 A2 policy at the gateway', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let shown: Presentable;
  let reached = 0;

  before(async () => {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.once('end', () => {
        reached += 1;
        const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id: number; method: string };
        const result = method in all ? all[method as keyof typeof all] : { content: [] };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    town = opened.use(await openTown());
    await town.addHttpServer('files', `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
    await town.addHttpServer('mail', `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
    await town.addAgent('ci-bot', ['reader']);
    shown = await town.issue('ci-bot');
    await town.permit(policy);
  });
  after(() => opened.disposeAsync());

  let id = 0;
  const send = (method: string, params: object, server = 'files'): Promise<RawAnswer> =>
    post(town.endpoint(server), shown, false, { jsonrpc: '2.0', id: ++id, method, params }, {});
  const permitted = async (method: string, params: object, server?: string): Promise<boolean> => {
    const before = reached;
    const { body } = await send(method, params, server);
    const refused = /"code":"(denied|policy_error)"/.test(body);
    assert.equal(
      reached,
      before + (refused ? 0 : 1),
      'what is refused reaches nobody, what is permitted does',
    );
    return !refused;
  };
  const call = (name: string, args: object, server?: string): Promise<boolean> =>
    permitted('tools/call', { name, arguments: args }, server);
  const setRoles = async (...roles: string[]): Promise<void> => {
    await town.deployment.authority.changeAgentRoles('ci-bot', roles);
  };

  test('a tool is permitted for some arguments and not for others, call by call', async () => {
    assert.equal(await call('read_file', { path: '/public/a' }), true);
    assert.equal(await call('read_file', { path: '/private/a' }), false);
    assert.equal(await call('read_file', {}), false);
    assert.equal(await call('read_file', { path: ['/public/a'] }), false, 'a condition that fails refuses');
    assert.equal(await call('read_file', { path: '/public/a', dryRun: false }), false);
    assert.equal(await call('read_file', { path: '/public/a', dryRun: true }), true);
    assert.equal(await call('write_file', { path: '/public/a' }), false);
    assert.equal(await call('read_file', { path: '/public/a' }, 'mail'), false);
  });

  test('a role given is used by the next call, a role taken away by none', async () => {
    assert.equal(await call('write_file', {}), false);
    await setRoles('reader', 'writer');
    assert.equal(await call('write_file', {}), true);
    assert.equal(await call('write_file', { dryRun: false }), false, 'a forbid wins over every permit');
    await setRoles('reader');
    assert.equal(await call('write_file', {}), false);
  });

  test('tools, prompts, resources and templates are listed as far as they may be used', async () => {
    const listed = async (method: keyof typeof all): Promise<unknown> =>
      (JSON.parse((await send(method, {})).body) as { result: unknown }).result;
    assert.deepEqual(await listed('tools/list'), { tools: [{ name: 'read_file' }] });
    assert.deepEqual(await listed('prompts/list'), { prompts: [{ name: 'review' }] });
    assert.deepEqual(await listed('resources/list'), { resources: [{ uri: 'file:///public/a' }] });
    assert.deepEqual(await listed('resources/templates/list'), {
      resourceTemplates: [{ uriTemplate: 'file:///public/{x}' }],
    });
  });

  test('law 7 what a list did not show is refused when it is asked for all the same', async () => {
    assert.equal(await permitted('prompts/get', { name: 'review' }), true);
    assert.equal(await permitted('prompts/get', { name: 'deploy' }), false);
    assert.equal(await permitted('resources/read', { uri: 'file:///public/a' }), true);
    assert.equal(await permitted('resources/read', { uri: 'file:///private/b' }), false);
    assert.equal(await permitted('resources/subscribe', { uri: 'file:///private/b' }), false);
    assert.equal(await permitted('tasks/list', {}), false);
    assert.equal(await permitted('no/such-method', {}), false);
  });
});
