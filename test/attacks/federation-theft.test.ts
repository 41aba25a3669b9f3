import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTown, type Town, until } from '../journeys/deployment.ts';
import { type RawAgent, type RawAnswer, rawAgent } from '../journeys/raw-agent.ts';
import { openScriptedServer, type Params, type ScriptedServer, tool } from '../journeys/scripted-server.ts';

const paged =
  (member: string, item: Params) =>
  ({ cursor }: Params) => ({
    resultType: 'complete',
    ttlMs: 0,
    cacheScope: 'public',
    [member]: cursor === undefined ? [item] : [],
    ...(cursor === undefined ? { nextCursor: 'raw-cursor' } : {}),
  });
const asking = () => ({
  resultType: 'input_required',
  inputRequests: { go: { method: 'elicitation/create', params: { message: 'Go?' } } },
  requestState: 'raw-state',
});
const task = { taskId: 'raw-task', status: 'working', ttl: 1_000, createdAt: '', lastUpdatedAt: '' };

const script = {
  'tools/list': paged('tools', tool('act')),
  'prompts/list': paged('prompts', { name: 'say' }),
  'resources/list': paged('resources', { uri: 'x:one', name: 'one' }),
  'resources/templates/list': paged('resourceTemplates', { uriTemplate: 'x:{id}', name: 'any' }),
  'tasks/list': paged('tasks', task),
  'tools/call': ({ arguments: given }: Params) =>
    (given as Params | undefined)?.['task'] === true
      ? { resultType: 'task', task, taskId: 'raw-task', requestState: 'raw-state' }
      : asking(),
  'prompts/get': asking,
  'resources/read': asking,
  'tasks/get': { resultType: 'complete', ...task },
  'tasks/update': { resultType: 'complete' },
  'tasks/cancel': { resultType: 'complete', ...task },
  'tasks/result': { content: [] },
};

interface Stage extends AsyncDisposable {
  readonly town: Town;
  readonly servers: readonly [ScriptedServer, ScriptedServer];
  readonly owner: RawAgent;
  readonly thief: RawAgent;
}

/** Two agents that may do everything, and two servers that say the same. */
async function stage(): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const first = opened.use(await openScriptedServer(script));
  const second = opened.use(await openScriptedServer(script));
  const town = opened.use(await openTown());
  await town.addHttpServer('first', first.url);
  await town.addHttpServer('second', second.url);
  await town.permit('permit (principal, action, resource);');
  const owner = opened.use(await rawAgent(town, 'owner'));
  const thief = opened.use(await rawAgent(town, 'thief'));
  const held = opened.move();
  return { town, servers: [first, second], owner, thief, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Asserts that an answer is the refusal of a sealed value, and that no server was asked anything for it. */
async function refused(
  act: () => Promise<RawAnswer>,
  servers: Stage['servers'],
  what: string,
): Promise<void> {
  const before = servers.map(({ asked }) => asked.length);
  const { error } = await act();
  assert.equal(error?.code, -32602, what);
  assert.equal(error.data?.code, 'handle_unknown', what);
  assert.deepEqual(
    servers.map(({ asked }) => asked.length),
    before,
    `${what}: a server was asked`,
  );
}

const listMethods = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];
const subjects: readonly (readonly [method: string, params: Params, other: Params])[] = [
  ['tools/call', { name: 'first__act', arguments: {} }, { name: 'second__act', arguments: {} }],
  ['prompts/get', { name: 'first__say' }, { name: 'second__say' }],
  ['resources/read', { uri: 'mcp://first/x:one' }, { uri: 'mcp://second/x:one' }],
];

test('law 5 a cursor works for the agent and the list it was given for, and says nothing', async () => {
  await using place = await stage();
  const { owner, thief, servers } = place;
  for (const method of listMethods) {
    const cursor = String((await owner.modern(method)).result?.['nextCursor']);
    assert.ok(!cursor.includes('raw') && !Buffer.from(cursor, 'base64url').toString().includes('raw'));
    await refused(() => thief.modern(method, { cursor }), servers, `stolen for ${method}`);
    await refused(() => owner.modern(method, { cursor: 'raw-cursor' }), servers, `made up for ${method}`);
    for (const other of listMethods.filter((each) => each !== method)) {
      await refused(() => owner.modern(other, { cursor }), servers, `${method} for ${other}`);
    }
    const next = await owner.modern(method, { cursor });
    assert.equal(next.error, null);
    assert.equal(next.result?.['nextCursor'], undefined);
    assert.deepEqual(
      servers.map(({ asked }) => asked.at(-1)?.params['cursor']),
      ['raw-cursor', 'raw-cursor'],
    );
  }
});

test('law 5 a request state works for the agent, the server and the thing it was given for', async () => {
  await using place = await stage();
  const { owner, thief, servers } = place;
  await owner.modern('tools/list');
  await thief.modern('tools/list');
  await owner.modern('prompts/list');
  await thief.modern('prompts/list');
  for (const [method, params, other] of subjects) {
    const requestState = String((await owner.modern(method, params)).result?.['requestState']);
    assert.ok(!Buffer.from(requestState, 'base64url').toString().includes('raw'));
    const inputResponses = { go: { action: 'accept', content: {} } };
    const again = { ...params, requestState, inputResponses };
    await refused(() => thief.modern(method, again), servers, `stolen for ${method}`);
    await refused(() => owner.modern(method, { ...other, requestState }), servers, `${method} elsewhere`);
    await refused(() => owner.modern(method, { ...params, requestState: 'raw-state' }), servers, 'made up');
    assert.equal((await owner.modern(method, again)).error, null);
    assert.equal(servers[0].asked.at(-1)?.params['requestState'], 'raw-state');
    assert.deepEqual(servers[0].asked.at(-1)?.params['inputResponses'], inputResponses);
  }
  assert.ok(!servers[1].asked.some(({ params }) => JSON.stringify(params).includes('raw-state')));
});

test('law 5 a task is its agent’s on every verb, in both eras, and goes back to its own server', async () => {
  await using place = await stage();
  const { owner, thief, servers } = place;
  const made = await owner.modern('tools/call', { name: 'second__act', arguments: { task: true } });
  const taskId = String(made.result?.['taskId']);
  assert.equal(((made.result?.['task'] ?? {}) as Params)['taskId'], taskId);
  assert.ok(!Buffer.from(taskId, 'base64url').toString().includes('raw'));
  for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
    await refused(() => thief.modern(method, { taskId }), servers, `stolen for ${method}`);
    await refused(() => owner.modern(method, { taskId: 'raw-task' }), servers, `made up for ${method}`);
    assert.equal((await owner.modern(method, { taskId })).error, null, method);
    assert.equal(servers[1].asked.at(-1)?.params['taskId'], 'raw-task');
  }
  assert.equal((await owner.modern('tasks/get', { taskId })).result?.['taskId'], taskId);
  const requestState = String(made.result?.['requestState']);
  for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
    assert.equal((await owner.modern(method, { taskId, requestState })).error, null, method);
    assert.equal(servers[1].asked.at(-1)?.params['requestState'], 'raw-state');
  }
  await refused(() => thief.modern('tasks/get', { taskId, requestState }), servers, 'stolen with its state');
  const call = { name: 'second__act', arguments: {}, requestState };
  await refused(() => owner.modern('tools/call', call), servers, 'the state of a task for a tool');
  const listen = { notifications: { taskIds: [taskId] } };
  await refused(() => thief.modern('subscriptions/listen', listen), servers, 'stolen to listen');
  const stream = await owner.stream({ listen });
  await until(() => stream.messages.length === 1);
  assert.match(JSON.stringify(stream.messages[0]), new RegExp(`"taskIds":\\["${taskId}"\\]`));
  servers[1].tell('notifications/tasks', {
    taskId: 'raw-task',
    status: 'completed',
    requestState: 'raw-state',
  });
  await until(() => stream.messages.length === 2);
  assert.equal(((stream.messages[1]?.['params'] ?? {}) as Params)['taskId'], taskId);
  assert.ok(!JSON.stringify(stream.messages).includes('raw-'));
  stream.close();
  const mine = await owner.initialize();
  const theirs = await thief.initialize();
  for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
    await refused(() => thief.legacy(theirs, method, { taskId }), servers, `stolen for legacy ${method}`);
    assert.equal((await owner.legacy(mine, method, { taskId })).error, null, method);
  }
  assert.ok(!servers[0].asked.some(({ method }) => /^tasks\/(get|update|cancel|result)$/.test(method)));
});

test('law 5 a session at all servers is its agent’s on every verb (trap: session not tied to principal)', async () => {
  await using place = await stage();
  const { owner, thief, servers } = place;
  const session = await owner.initialize();
  assert.equal((await owner.legacy(session, 'tools/list')).status, 200);
  const before = servers.map(({ asked }) => asked.length);
  const verbs = [
    'ping',
    'tools/list',
    'prompts/list',
    'resources/list',
    'logging/setLevel',
    'tasks/list',
    'notifications/initialized',
    'notifications/cancelled',
    'no/such/method',
  ];
  for (const method of verbs) {
    assert.equal((await thief.legacy(session, method, {})).status, 404, method);
  }
  for (const [method, params] of subjects) {
    assert.equal((await thief.legacy(session, method, params)).status, 404, method);
  }
  const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
  const accept = 'text/event-stream';
  for (const method of ['GET', 'DELETE']) {
    const stolen = await thief.fetch({ method, headers: { ...headers, accept } });
    assert.equal(stolen.status, 404, method);
    await stolen.body?.cancel();
  }
  assert.deepEqual(
    servers.map(({ asked }) => asked.length),
    before,
  );
  assert.equal((await owner.legacy(session, 'ping')).status, 200);
  assert.equal((await owner.fetch({ method: 'DELETE', headers: { ...headers, accept } })).status, 204);
  assert.equal((await owner.legacy(session, 'ping')).status, 404);
});

test('law 5 every theft is in the log under the thief', async () => {
  await using place = await stage();
  const { owner, thief, town, servers } = place;
  const cursor = String((await owner.modern('tools/list')).result?.['nextCursor']);
  await refused(() => thief.modern('tools/list', { cursor }), servers, 'stolen');
  const session = await owner.initialize();
  await thief.legacy(session, 'ping');
  const refusals = (await town.events()).filter(({ type }) => type === 'call.refused');
  assert.deepEqual(
    refusals.map(({ agent, code, server }) => [agent, code, server]),
    [
      ['thief', 'handle_unknown', '*'],
      ['thief', 'session_unknown', '*'],
    ],
  );
});
