import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { openTown, type Presentable, type Town, until } from './deployment.ts';
import { legacyClient, modernClient, mutualFetch, textOf } from './mcp-clients.ts';
import { openLegacyServer, openModernServer } from './mcp-servers.ts';

const echoOnly = `
permit (principal, action in Action::"read", resource);
permit (principal, action == Action::"tools/call", resource) when { resource.name == "echo" };
`;

interface Settled extends AsyncDisposable {
  readonly town: Town;
  readonly shown: Presentable;
}

/** A town with one agent and both kinds of server. */
async function settled(policy: string): Promise<Settled> {
  await using opened = new AsyncDisposableStack();
  const old = opened.use(await openLegacyServer());
  const modern = opened.use(await openModernServer());
  const town = opened.use(await openTown());
  await town.addHttpServer('old', old.url);
  await town.addHttpServer('modern', modern.url);
  await town.addAgent('ci-bot');
  if (policy !== '') await town.permit(policy);
  const shown = await town.issue('ci-bot');
  const held = opened.move();
  return { town, shown, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

test('T3 SDK 1.x client and server: list, call, progress and a request from the server pass both ways', async () => {
  const all = 'permit (principal, action, resource);';
  await using place = await settled(all);
  const { town, shown } = place;
  await using fetch = mutualFetch(shown);
  const client = await legacyClient(town.endpoint('old'), fetch);
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), ['ask', 'count', 'echo', 'grow', 'hang']);
  assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'legacy hi');
  const progress: number[] = [];
  const counted = await client.callTool({ name: 'count', arguments: {} }, undefined, {
    onprogress: (step) => progress.push(step.progress),
  });
  assert.equal(textOf(counted), 'counted');
  assert.deepEqual(progress, [1, 2, 3]);
  assert.equal(textOf(await client.callTool({ name: 'ask', arguments: {} })), 'accept');
  await client.close();
});

test('T3 SDK 2.x client and server speak 2026-07-28 through the gateway, filtered and refused', async () => {
  await using place = await settled(echoOnly);
  const { town, shown } = place;
  await using fetch = mutualFetch(shown);
  const client = await modernClient(town.endpoint('modern'), fetch);
  assert.deepEqual(
    (await client.listTools()).tools.map(({ name }) => name),
    ['echo'],
  );
  assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'modern hi');
  await assert.rejects(client.callTool({ name: 'secret', arguments: {} }), /no policy/i);
  await client.close();
});

test('A2 with no policy nothing is permitted (trap: no rules means allow)', async () => {
  await using place = await settled('');
  const { town, shown } = place;
  await using fetch = mutualFetch(shown);
  await assert.rejects(legacyClient(town.endpoint('old'), fetch), /no policy/i);
  await assert.rejects(modernClient(town.endpoint('modern'), fetch));
});

test('A2 a policy that fails refuses, although another permits (trap: a rule that errors does not deny)', async () => {
  const failing = `permit (principal, action, resource);
forbid (principal, action == Action::"tools/call", resource) when { context.arguments.absent == 1 };`;
  await using place = await settled(failing);
  const { town, shown } = place;
  await using fetch = mutualFetch(shown);
  const client = await legacyClient(town.endpoint('old'), fetch);
  await assert.rejects(client.callTool({ name: 'echo', arguments: { message: 'hi' } }), /failed/);
  await client.close();
});

test('S4 every call leaves "permitted" before and "answered" after, every refusal its reason (trap: refusals missing from the audit)', async () => {
  await using place = await settled(echoOnly);
  const { town, shown } = place;
  await using fetch = mutualFetch(shown);
  const client = await legacyClient(town.endpoint('old'), fetch);
  const canary = 'canary-7f3a9c';
  await client.callTool({ name: 'echo', arguments: { message: canary } });
  await assert.rejects(client.callTool({ name: 'count', arguments: {} }));
  await client.close();
  const events = await town.events();
  const calls = events.filter((event) => JSON.stringify(event['messages'])?.includes('tools/call'));
  assert.deepEqual(
    calls.map(({ type }) => type),
    ['call.permitted', 'call.answered', 'call.refused'],
  );
  assert.equal(calls[0]?.['serial'], shown.serial);
  assert.match(String(calls[2]?.['reason']), /no policy/i);
  assert.ok(!JSON.stringify(events).includes(canary), 'arguments and results are kept as hashes only');
});

test('law 3 the server sees neither the session id of the client nor a header that names a credential', async () => {
  await using old = await openLegacyServer();
  await using town = await openTown();
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit(echoOnly);
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const secret = 'Bearer canary-51c0';
  const client = await legacyClient(town.endpoint('old'), (url, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', secret);
    headers.set('x-forwarded-client-cert', secret);
    headers.set('x-api-key', secret);
    return fetch(url, { ...init, headers });
  });
  await client.callTool({ name: 'echo', arguments: { message: 'hi' } });
  await client.close();
  assert.ok(old.seen.length >= 3);
  assert.ok(!JSON.stringify(old.seen).includes('canary-51c0'));
  assert.ok(old.seen.some(({ headers }) => headers['mcp-session-id'] === 'plain-1'));
});

test('T6 a session id works for nobody else (trap: session not tied to principal)', async () => {
  await using place = await settled(echoOnly);
  const { town, shown } = place;
  await using fetch = mutualFetch(shown);
  let session = '';
  const client = await legacyClient(town.endpoint('old'), async (url, init) => {
    const response = await fetch(url, init);
    session = response.headers.get('mcp-session-id') ?? session;
    return response;
  });
  await town.addAgent('thief');
  await using other = mutualFetch(await town.issue('thief'));
  const stolen = await other(town.endpoint('old'), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': session,
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
  assert.equal(stolen.status, 404);
  assert.match(session, /^[\w.-]{40,}$/);
  await client.close();
});

test('I7 a revoked certificate is refused and its live stream cut within a second (trap: cached allow after revocation)', async () => {
  await using place = await settled(echoOnly);
  const { town, shown } = place;
  await using fetch = mutualFetch(shown);
  const client = await legacyClient(town.endpoint('old'), fetch);
  const call = (): Promise<unknown> => client.callTool({ name: 'echo', arguments: { message: 'hi' } });
  await call();
  await until(() => town.gateway.liveCalls() === 1);
  await town.deployment.authority.revoke({ serial: shown.serial, reason: 'stolen' }, 'test');
  await assert.rejects(call());
  await until(() => town.gateway.liveCalls() === 0);
  const cuts = (await town.events()).filter(({ type }) => type === 'stream.cut');
  assert.equal(cuts.length, 1);
  await client.close();
});

test('I12 a suspended agent is cut off at once and back when resumed; a retired one never', async () => {
  await using place = await settled(echoOnly);
  const { town, shown } = place;
  const { authority } = town.deployment;
  const list = async (): Promise<string> => {
    await using fetch = mutualFetch(shown);
    const client = await legacyClient(town.endpoint('old'), fetch);
    const { tools } = await client.listTools();
    await client.close();
    return tools.map(({ name }) => name).join();
  };
  assert.equal(await list(), 'echo');
  await authority.changeAgentState('ci-bot', 'suspended', 'test');
  await assert.rejects(list());
  await authority.changeAgentState('ci-bot', 'active', 'test');
  assert.equal(await list(), 'echo');
  await authority.changeAgentState('ci-bot', 'retired', 'test');
  await assert.rejects(list());
  await assert.rejects(authority.changeAgentState('ci-bot', 'active', 'test'));
});

test('A2 a policy that is withdrawn ends the live stream that it permitted, without a restart', async () => {
  await using place = await settled(echoOnly);
  const { town, shown } = place;
  await using fetch = mutualFetch(shown);
  const client = await legacyClient(town.endpoint('old'), fetch);
  await until(() => town.gateway.liveCalls() === 1);
  await town.permit('forbid (principal, action, resource);');
  await until(() => town.gateway.liveCalls() === 0);
  await assert.rejects(client.callTool({ name: 'echo', arguments: { message: 'hi' } }));
  await client.close();
});

test('S4 a refusal is recorded however long the names in it are (trap: refusals missing from the audit)', async () => {
  await using place = await settled(echoOnly);
  const { town, shown } = place;
  await using fetch = mutualFetch(shown);
  const client = await legacyClient(town.endpoint('old'), fetch);
  await assert.rejects(client.callTool({ name: 'x'.repeat(3_000_000), arguments: {} }), /no policy/i);
  await client.close();
  const refused = (await town.events()).filter(({ type }) => type === 'call.refused');
  assert.equal(refused.length, 1);
  assert.ok(JSON.stringify(refused).length < 10_000);
});

test('T3 cancelling a call reaches the server, and news that belong to no request reach the client', async () => {
  await using old = await openLegacyServer();
  await using town = await openTown();
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  const client = await legacyClient(town.endpoint('old'), fetch);
  await until(() => town.gateway.liveCalls() === 1);
  let changes = 0;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    changes += 1;
  });
  await client.callTool({ name: 'grow', arguments: {} });
  await until(() => changes === 1);
  const stop = new AbortController();
  const hanging = client.callTool({ name: 'hang', arguments: {} }, undefined, { signal: stop.signal });
  await until(() => old.seen.some(({ body }) => body.includes('"hang"')));
  stop.abort();
  await assert.rejects(hanging);
  await until(() => old.seen.some(({ body }) => body.includes('notifications/cancelled')));
  await client.close();
});
