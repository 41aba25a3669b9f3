import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBridge } from '../../src/bridge/bridge.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown, type Town, until } from './deployment.ts';
import { rawAgent, sessionHeaders } from './raw-agent.ts';
import { openScriptedServer, type Params, tool } from './scripted-server.ts';
import { sdkClients } from './sdk-clients.ts';
import { sdkServers } from './sdk-servers.ts';

const all = 'permit (principal, action, resource);';
const script = { 'tools/list': { tools: [tool('act')] }, 'tools/call': { content: [] } };
const everywhere = (town: Town): string => `${town.gateway.agents.url}/mcp`;

test('T7 T5 a request to all servers is one call of the agent, and each part one of its own server and tool', async () => {
  await using first = await openScriptedServer(script);
  await using second = await openScriptedServer(script);
  await using town = await openTown({ concurrentPerAgent: 1 });
  await town.addHttpServer('first', first.url);
  await town.addHttpServer('second', second.url);
  await writeFile(
    join(town.data.policies, 'limits.yaml'),
    'limits:\n  - name: dear\n    per: [agent, tool]\n    tools: [second/act]\n    budget: { day: { calls: 2 } }\n',
  );
  await town.permit(all);
  await using agent = await rawAgent(town, 'ci-bot');
  const list = await agent.modern('tools/list');
  assert.deepEqual(
    ((list.result?.['tools'] ?? []) as Params[]).map(({ name }) => name),
    ['first__act', 'second__act'],
  );
  for (let calls = 0; calls < 2; calls++) {
    assert.equal((await agent.modern('tools/call', { name: 'second__act' })).status, 200);
  }
  const over = await agent.modern('tools/call', { name: 'second__act' });
  assert.deepEqual([over.status, over.error?.data?.code], [429, 'budget_spent']);
  assert.equal((await agent.modern('tools/call', { name: 'first__act' })).status, 200);
  const session = await agent.initialize();
  const stream = await agent.stream({ session });
  assert.equal((await agent.legacy(session, 'ping')).error?.data?.code, 'limit_reached');
  stream.close();
  await until(() => town.gateway.liveCalls() === 0);
});

test('T5 sessions that are opened and abandoned do not pile up and do not lock their agent out (trap: leak per abandoned session)', async () => {
  await using server = await openScriptedServer(script);
  await using town = await openTown({ sessionsPerAgent: 3, sessionIdleMilliseconds: 1_000 });
  await town.addHttpServer('files', server.url);
  await town.permit(all);
  await using agent = await rawAgent(town, 'ci-bot');
  const sessions: string[] = [];
  for (let opened = 0; opened < 5; opened++) sessions.push(await agent.initialize());
  const alive = await Promise.all(
    sessions.map(async (session) => (await agent.legacy(session, 'ping')).status),
  );
  assert.deepEqual(alive, [404, 404, 200, 200, 200]);
  await new Promise((resolve) => setTimeout(resolve, 1_700));
  assert.equal((await agent.legacy(sessions[4] ?? '', 'ping')).status, 404);
  const hello = {
    protocolVersion: '2025-11-25',
    capabilities: { experimental: { x: { y: 'z'.repeat(70_000) } } },
  };
  assert.equal((await agent.legacy(null, 'initialize', hello)).error?.data?.code, 'params_invalid');
});

test('law 5 a server cannot answer what another was asked, nor tell its progress (trap: a reply by another peer)', async () => {
  await using victim = await openScriptedServer({ ...script, 'tools/call': 'wait' });
  await using evil = await openScriptedServer(script);
  await using town = await openTown();
  await town.addHttpServer('victim', victim.url);
  await town.addHttpServer('evil', evil.url);
  await town.permit(all);
  await using agent = await rawAgent(town, 'ci-bot');
  const session = await agent.initialize();
  const stream = await agent.stream({ session });
  await agent.legacy(session, 'tools/list');
  await until(() => evil.streams === 1);
  const call = {
    jsonrpc: '2.0',
    id: 77,
    method: 'tools/call',
    params: { name: 'victim__act', _meta: { progressToken: 5 } },
  };
  const stop = new AbortController();
  const headers = {
    ...sessionHeaders(session),
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
  };
  const asked = agent.fetch({ method: 'POST', headers, body: JSON.stringify(call), signal: stop.signal });
  await until(() => victim.asked.some(({ method }) => method === 'tools/call'));
  evil.say({ id: 77, result: { content: [{ type: 'text', text: 'forged' }] } });
  evil.say([{ jsonrpc: '2.0', id: 77, result: { content: [] } }]);
  evil.tell('notifications/progress', { progressToken: 5, progress: 1 });
  evil.tell('notifications/cancelled', { requestId: 77 });
  evil.tell('notifications/message', { level: 'info', data: 'last' });
  victim.tell('notifications/progress', { progressToken: 5, progress: 2 });
  await until(() => stream.messages.length === 2);
  assert.deepEqual(
    new Set(stream.messages.map(({ method }) => method)),
    new Set(['notifications/message', 'notifications/progress']),
  );
  assert.ok(!JSON.stringify(stream.messages).includes('"progress":1'));
  stop.abort();
  await assert.rejects(asked);
  stream.close();
});

test('U2 T5 the bridge brings a client of either era to all servers at one endpoint', async () => {
  await using town = await openTown();
  await using opened = new AsyncDisposableStack();
  for (const server of sdkServers) opened.use(await server.open(town));
  await town.addAgent('ci-bot');
  await town.permit(all);
  const state = await mkdtemp(join(tmpdir(), 'countersign-all-'));
  opened.defer(() => rm(state, { recursive: true, force: true }));
  const { authority } = town.deployment;
  const order = { name: 'ci-bot', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
  const { token } = await authority.createJoinToken(order, 'test');
  const bridge = opened.use(
    await startBridge({
      gateway: everywhere(town),
      authority: town.authorityUrl,
      agent: 'ci-bot',
      joinToken: token,
      authorityFile: null,
      rootFingerprint: authority.describe().rootFingerprint,
      stateFolder: state,
      environment: {},
      face: { kind: 'http', port: 0 },
      clock: systemClock,
      log: () => undefined,
    }),
  );
  const url = bridge.face.kind === 'http' ? bridge.face.url : '';
  for (const sdk of sdkClients) {
    await using client = await sdk.connect({ kind: 'http', url });
    for (const { name } of sdkServers.filter(({ eras }) => eras.includes(sdk.era))) {
      assert.match(
        await client.call(`${name}__echo`, { args: { message: 'hi' } }),
        /^v[12] hi$/,
        `${sdk.name} ${name}`,
      );
      assert.equal(await client.call(`${name}__ask`), 'go true', `${sdk.name} ${name}`);
    }
  }
});

test('T5 T3 every revision of the old era is spoken to clients, and to each server the one it agreed to', async () => {
  const revisions = ['2025-03-26', '2025-06-18', '2025-11-25'];
  await using same = await openScriptedServer(script);
  await using older = await openScriptedServer({
    ...script,
    initialize: () => ({
      protocolVersion: '2025-03-26',
      capabilities: { tools: {} },
      serverInfo: { name: 'x', version: '1' },
    }),
  });
  await using odd = await openScriptedServer({ ...script, initialize: { protocolVersion: '1999-01-01' } });
  await using town = await openTown();
  await town.addHttpServer('same', same.url);
  await town.addHttpServer('older', older.url);
  await town.addHttpServer('odd', odd.url);
  await town.permit(all);
  await using agent = await rawAgent(town, 'ci-bot');
  for (const protocolVersion of revisions) {
    const hello = { protocolVersion, capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
    const { session, result } = await agent.legacy(null, 'initialize', hello);
    assert.equal(result?.['protocolVersion'], protocolVersion);
    const list = JSON.stringify((await agent.legacy(session, 'tools/list')).result);
    assert.match(list, /same__act.*"server":"odd"|older__act/);
    assert.ok(!list.includes('odd__act'));
    const stated = ({ seen }: typeof same): unknown =>
      seen.findLast(({ body }) => body.includes('tools/list'))?.headers['mcp-protocol-version'];
    assert.equal(stated(same), protocolVersion);
    assert.equal(stated(older), '2025-03-26');
  }
  const unknown = {
    protocolVersion: '2030-01-01',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  };
  const answer = await agent.legacy(null, 'initialize', unknown);
  assert.equal(answer.result?.['protocolVersion'], '2025-11-25');
});
