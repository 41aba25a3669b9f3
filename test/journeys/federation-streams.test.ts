import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTown, type Town, until } from './deployment.ts';
import { openHttpServer } from './mcp-servers.ts';
import { type RawAgent, rawAgent, sessionHeaders } from './raw-agent.ts';
import { openScriptedServer, type Params, type ScriptedServer, tool } from './scripted-server.ts';

const all = 'permit (principal, action, resource);';
const script = { 'tools/list': { tools: [tool('act')] }, 'tools/call': { content: [] } };
const changed = 'notifications/tools/list_changed';

interface Stage extends AsyncDisposable {
  readonly town: Town;
  readonly first: ScriptedServer;
  readonly second: ScriptedServer;
  readonly agent: RawAgent;
}

async function stage(): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const first = opened.use(await openScriptedServer(script));
  const second = opened.use(await openScriptedServer(script));
  const town = opened.use(await openTown({ listMilliseconds: 500 }));
  await town.addHttpServer('first', first.url);
  await town.addHttpServer('second', second.url);
  await town.permit(all);
  const agent = opened.use(await rawAgent(town, 'ci-bot'));
  const held = opened.move();
  return { town, first, second, agent, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

const methods = (messages: readonly Params[]): readonly unknown[] => messages.map(({ method }) => method);
const paramsOf = (message: Params | undefined): Params => (message?.['params'] ?? {}) as Params;

test('T7 a stream of all servers on which nothing comes ends properly in either era, whatever keeps it alive meanwhile', async () => {
  await using first = await openScriptedServer(script);
  await using town = await openTown({ silentStreamMilliseconds: 1_000 });
  await town.addHttpServer('first', first.url);
  await town.permit(all);
  await using agent = await rawAgent(town, 'ci-bot');
  const session = await agent.initialize();
  await agent.legacy(session, 'tools/list');
  const begun = performance.now();
  const [subscription, news] = await Promise.all([
    agent.stream({ listen: { notifications: { toolsListChanged: true } } }),
    agent.stream({ session }),
  ]);
  await Promise.all([subscription.ended, news.ended]);
  const waited = performance.now() - begun;
  assert.ok(waited >= 950 && waited < 5_000, `${waited} ms`);
  const { result = {} } = subscription.messages.at(-1) ?? {};
  assert.equal((result as Params)['resultType'], 'complete');
  await until(() => first.streams === 0);
});

test('T5 one subscription is one stream of all servers: acknowledged first, each told only of its own resources', async () => {
  await using place = await stage();
  const { first, second, agent } = place;
  const wanted = ['mcp://first/x:one', 'mcp://second/x:two', 'mcp://nowhere/x:three'];
  const notifications = { toolsListChanged: true, resourceSubscriptions: wanted };
  const stream = await agent.stream({ listen: { notifications } });
  await until(() => stream.messages.length > 0);
  assert.equal(stream.messages[0]?.['method'], 'notifications/subscriptions/acknowledged');
  assert.deepEqual(paramsOf(stream.messages[0])['notifications'], {
    toolsListChanged: true,
    resourceSubscriptions: wanted.slice(0, 2),
  });
  const heard = ({ asked }: ScriptedServer): unknown => {
    const listened = asked.find(({ method }) => method === 'subscriptions/listen');
    return ((listened?.params['notifications'] ?? {}) as Params)['resourceSubscriptions'];
  };
  assert.deepEqual(heard(first), ['x:one']);
  assert.deepEqual(heard(second), ['x:two']);
  second.tell('notifications/resources/updated', { uri: 'x:two' });
  first.tell(changed, {});
  await until(() => stream.messages.length === 3);
  const id = 'io.modelcontextprotocol/subscriptionId';
  const tags = new Set(stream.messages.map((message) => (paramsOf(message)['_meta'] as Params)[id]));
  assert.equal(tags.size, 1);
  const updated = stream.messages.find(({ method }) => method === 'notifications/resources/updated');
  assert.equal(paramsOf(updated)['uri'], 'mcp://second/x:two');
  stream.close();
  await until(() => first.streams === 0 && second.streams === 0);
});

test('T5 a subscription outlives its servers: one that hangs up is tried again, one that joins is heard', async () => {
  await using place = await stage();
  const { town, first, agent } = place;
  const stream = await agent.stream({ listen: { notifications: { toolsListChanged: true } } });
  await until(() => stream.messages.length === 1 && first.streams === 1);
  first.hangUp();
  await until(() => methods(stream.messages).includes(changed));
  await until(() => first.streams === 1);
  await using third = await openScriptedServer(script);
  const before = stream.messages.length;
  await town.addHttpServer('third', third.url);
  await until(() => stream.messages.length > before && third.streams === 1);
  const then = stream.messages.length;
  third.tell(changed, {});
  await until(() => stream.messages.length > then);
  stream.close();
});

test('T5 one GET is the stream of all servers; two servers that ask under one id each get their own answer', async () => {
  await using place = await stage();
  const { first, second, agent } = place;
  const session = await agent.initialize();
  const stream = await agent.stream({ session });
  assert.equal(stream.status, 200);
  const another = await agent.fetch({ method: 'GET', headers: sessionHeaders(session) });
  assert.equal(another.status, 409);
  await agent.legacy(session, 'tools/list');
  await until(() => first.streams === 1 && second.streams === 1);
  first.question(7, 'roots/list', {});
  second.question(7, 'roots/list', { _meta: { progressToken: 7 } });
  await until(() => stream.messages.length === 2);
  const ids = stream.messages.map(({ id }) => id);
  assert.equal(new Set(ids).size, 2);
  const body = (message: Params): string => JSON.stringify({ jsonrpc: '2.0', ...message });
  const headers = { ...sessionHeaders(session), accept: 'application/json, text/event-stream' };
  const post = async (message: Params): Promise<number> => {
    const json = { ...headers, 'content-type': 'application/json' };
    return (await agent.fetch({ method: 'POST', headers: json, body: body(message) })).status;
  };
  const asked = stream.messages.find(({ params }) => JSON.stringify(params ?? {}).includes('progressToken'));
  const other = stream.messages.find((message) => message !== asked);
  const progressToken = (paramsOf(asked)['_meta'] as Params)['progressToken'];
  assert.equal(await post({ method: 'notifications/progress', params: { progressToken, progress: 1 } }), 202);
  assert.equal(await post({ id: other?.['id'], result: { roots: [{ uri: 'file:///first' }] } }), 202);
  assert.equal(await post({ id: asked?.['id'], result: { roots: [{ uri: 'file:///second' }] } }), 202);
  const answers = ({ asked: all }: ScriptedServer) => all.filter(({ method }) => method === 'response');
  assert.deepEqual(
    answers(first).map(({ params }) => params['id']),
    [7],
  );
  assert.match(JSON.stringify(answers(first)), /file:\/\/\/first/);
  assert.deepEqual(
    answers(second).map(({ params }) => params['id']),
    [7],
  );
  assert.match(JSON.stringify(answers(second)), /file:\/\/\/second/);
  const progress = second.asked.find(({ method }) => method === 'notifications/progress');
  assert.equal(progress?.params['progressToken'], 7);
  assert.equal(await post({ id: asked?.['id'], result: {} }), 202);
  assert.equal(answers(second).length, 1, 'an answer is given once');
  stream.close();
});

test('T5 a server that a list had to do without says so on the stream once it can be reached', async () => {
  await using place = await stage();
  const { town, agent } = place;
  let open = false;
  await using late = await openScriptedServer({ ...script, 'tools/list': { tools: [tool('late')] } });
  await using door = await openHttpServer(async (request, response, body) => {
    if (!open) {
      response.writeHead(503).end();
      return;
    }
    const { method = 'GET' } = request;
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => /^(mcp-|accept|content-type)/.test(name)),
    ) as Record<string, string>;
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(late.url, { method, headers, ...sent });
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).flushHeaders();
    try {
      for await (const chunk of answer.body ?? []) response.write(chunk);
    } catch {
      // The server behind the door is gone at the end of the test.
    }
    response.end();
  });
  await town.addHttpServer('late', door.url);
  const session = await agent.initialize();
  const stream = await agent.stream({ session });
  const list = async (): Promise<string> =>
    JSON.stringify((await agent.legacy(session, 'tools/list')).result);
  assert.match(await list(), /"server":"late"/);
  open = true;
  await until(() => methods(stream.messages).includes(changed));
  assert.match(await list(), /late__late/);
  stream.close();
});

test('T5 an answer that breaks off goes on from its last event, at its own server and for its own session only', async () => {
  await using place = await stage();
  const { town, agent } = place;
  const resumed: unknown[] = [];
  await using server = await openHttpServer(async (request, response, body) => {
    const { id, method } = (body ?? {}) as { id?: number; method?: string };
    const stream = { 'content-type': 'text/event-stream' };
    if (request.method === 'GET') {
      resumed.push(request.headers['last-event-id']);
      const message = { jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: 'rest' }] } };
      if (request.headers['last-event-id'] === undefined) response.writeHead(405).end();
      else response.writeHead(200, stream).end(`id: raw-2\ndata: ${JSON.stringify(message)}\n\n`);
      return;
    }
    if (id === undefined) {
      response.writeHead(202).end();
      return;
    }
    const capabilities = { tools: {} };
    const result =
      method === 'initialize'
        ? { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'x', version: '1' } }
        : { tools: [tool('act')] };
    const headers = { 'content-type': 'application/json', 'mcp-session-id': 'raw-session' };
    if (method === 'tools/call') response.writeHead(200, stream).end('id: raw-1\ndata: \n\n');
    else response.writeHead(200, headers).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  });
  await town.addHttpServer('broken', server.url);
  const session = await agent.initialize();
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'broken__act' } };
  const headers = { ...sessionHeaders(session), accept: 'application/json, text/event-stream' };
  const begun = await agent.fetch({
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(call),
  });
  const event = /^id: (.+)$/m.exec(await begun.text())?.[1] ?? '';
  assert.ok(event !== '' && !Buffer.from(event, 'base64url').toString().includes('raw'));
  const go = async (who: RawAgent, of: string): Promise<Response> =>
    await who.fetch({ method: 'GET', headers: { ...sessionHeaders(of), 'last-event-id': event } });
  assert.match(await (await go(agent, session)).text(), /rest/);
  assert.deepEqual(resumed, ['raw-1']);
  await using thief = await rawAgent(town, 'thief');
  assert.equal((await go(thief, await thief.initialize())).status, 400);
  assert.equal((await go(thief, session)).status, 404);
  const another = await agent.initialize();
  await agent.legacy(another, 'tools/list');
  assert.equal((await go(agent, another)).status, 400);
  assert.deepEqual(resumed, ['raw-1']);
});

test('T5 a batch of 2025-03-26 is answered message by message, each by its own server', async () => {
  await using place = await stage();
  const { first, second, agent } = place;
  const hello = {
    protocolVersion: '2025-03-26',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  };
  const { session } = await agent.legacy(null, 'initialize', hello);
  const batch = [
    { jsonrpc: '2.0', id: 11, method: 'tools/call', params: { name: 'first__act' } },
    { jsonrpc: '2.0', id: 12, method: 'tools/call', params: { name: 'second__act' } },
    { jsonrpc: '2.0', id: 13, method: 'tools/call', params: { name: 'nowhere__act' } },
    { jsonrpc: '2.0', id: 14, method: 'tools/list' },
    { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
  ];
  const answer = await agent.fetch({
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': session ?? '',
      'mcp-protocol-version': '2025-03-26',
    },
    body: JSON.stringify(batch),
  });
  const messages = [...(await answer.text()).matchAll(/^data: (.+)$/gm)].map(
    ([, data]) => JSON.parse(data ?? '') as Params,
  );
  assert.deepEqual(new Set(messages.map(({ id }) => id)), new Set([11, 12, 13, 14]));
  assert.equal(messages.length, 4);
  const refused = messages.find(({ id }) => id === 13)?.['error'] ?? {};
  assert.equal((refused as Params)['code'], -32602);
  for (const server of [first, second]) {
    assert.equal(server.asked.filter(({ method }) => method === 'tools/call').length, 1);
  }
});
