import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTown, type Town, until } from '../journeys/deployment.ts';
import { openHttpServer } from '../journeys/mcp-servers.ts';
import { type RawAgent, type RawAnswer, rawAgent } from '../journeys/raw-agent.ts';
import { openScriptedServer, type Params, type ScriptedServer, tool } from '../journeys/scripted-server.ts';

const related = { 'io.modelcontextprotocol/related-task': { taskId: 'raw-task' } };
const task = { taskId: 'raw-task', status: 'working', ttl: 1_000, createdAt: '', lastUpdatedAt: '' };
const asking = () => ({ resultType: 'input_required', requestState: 'raw-state' });
const paged =
  (member: string, item: Params) =>
  ({ cursor }: Params) => ({
    resultType: 'complete',
    [member]: [item],
    ...(cursor === undefined ? { nextCursor: 'raw-cursor' } : {}),
  });
const script = {
  'tools/list': paged('tools', tool('act')),
  'prompts/list': paged('prompts', { name: 'say' }),
  'resources/list': paged('resources', { uri: 'x:one', name: 'one' }),
  'resources/templates/list': paged('resourceTemplates', { uriTemplate: 'x:{id}', name: 'any' }),
  'tools/call': ({ name }: Params) =>
    name === 'start' ? { resultType: 'task', task, ...task, requestState: 'raw-state' } : asking(),
  'prompts/get': asking,
  'resources/read': asking,
  'tasks/get': { resultType: 'complete', ...task },
  'tasks/update': { resultType: 'complete' },
  'tasks/cancel': { resultType: 'complete', ...task },
  'tasks/result': { content: [], _meta: related },
  'tasks/list': { tasks: [task] },
};

interface Stage extends AsyncDisposable {
  readonly town: Town;
  readonly files: ScriptedServer;
  readonly other: ScriptedServer;
  /** An agent at one server. */
  at(server: 'files' | 'other', name: string): Promise<RawAgent>;
}

/** Agents that may do everything, and two servers that say the same. */
async function stage(): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const files = opened.use(await openScriptedServer(script));
  const other = opened.use(await openScriptedServer(script));
  const town = opened.use(await openTown());
  await town.addHttpServer('files', files.url);
  await town.addHttpServer('other', other.url);
  await town.permit('permit (principal, action, resource);');
  const names = new Set<string>();
  const agents = opened.use(new AsyncDisposableStack());
  const held = opened.move();
  return {
    town,
    files,
    other,
    async at(server, name) {
      const known = names.has(name);
      names.add(name);
      return agents.use(await rawAgent(town, name, { server, known }));
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Asserts that an answer is the refusal of a handle, and that no server was asked anything for it. */
async function refused(place: Stage, what: string, act: () => Promise<RawAnswer>): Promise<void> {
  const asked = (): number => place.files.asked.length + place.other.asked.length;
  const before = asked();
  const { error } = await act();
  assert.equal(error?.code, -32602, what);
  assert.equal(error.data?.code, 'handle_unknown', what);
  assert.equal(asked(), before, `${what}: a server was asked`);
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

test('law 5 a task at one server is its agent’s on every verb of 2026-07-28, also with its next certificate', async () => {
  await using place = await stage();
  const owner = await place.at('files', 'owner');
  const thief = await place.at('files', 'thief');
  const made = await owner.modern('tools/call', { name: 'start', arguments: {} });
  const taskId = text(made.result?.['taskId']);
  const requestState = text(made.result?.['requestState']);
  assert.equal(((made.result?.['task'] ?? {}) as Params)['taskId'], taskId);
  assert.ok(!JSON.stringify(made.result).includes('raw-'));
  const renewed = await place.at('files', 'owner');
  const elsewhere = await place.at('other', 'owner');
  for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
    await refused(place, `stolen for ${method}`, () => thief.modern(method, { taskId, requestState }));
    await refused(place, `raw for ${method}`, () => owner.modern(method, { taskId: 'raw-task' }));
    await refused(place, `${method} at another server`, () => elsewhere.modern(method, { taskId }));
    for (const agent of [owner, renewed]) {
      const answer = await agent.modern(method, { taskId, requestState });
      assert.equal(answer.error, null, method);
      assert.ok(!JSON.stringify(answer.result).includes('raw-'), method);
      const { taskId: asked, requestState: state } = place.files.asked.at(-1)?.params ?? {};
      assert.deepEqual([asked, state], ['raw-task', 'raw-state']);
      assert.equal(place.files.seen.at(-1)?.headers['mcp-name'], 'raw-task', 'the header mirrors the body');
    }
  }
  const call = { name: 'act', arguments: {} };
  const _meta = { 'io.modelcontextprotocol/related-task': { taskId } };
  await refused(place, 'the state of a task for a tool', () =>
    owner.modern('tools/call', { ...call, requestState }),
  );
  const legacy = await owner.initialize();
  const stolen = await thief.initialize();
  await refused(place, 'a related task', () => thief.legacy(stolen, 'tools/call', { ...call, _meta }));
  assert.equal((await owner.legacy(legacy, 'tools/call', { ...call, _meta })).error, null);
  assert.deepEqual(place.files.asked.at(-1)?.params['_meta'], related);
});

test('law 5 a task at one server is its agent’s on every verb of 2025-11-25, across eras and endpoints', async () => {
  await using place = await stage();
  const owner = await place.at('files', 'owner');
  const thief = await place.at('files', 'thief');
  const mine = await owner.initialize();
  const theirs = await thief.initialize();
  const made = await owner.legacy(mine, 'tools/call', { name: 'start', arguments: {}, task: { ttl: 1_000 } });
  const taskId = text(((made.result?.['task'] ?? {}) as Params)['taskId']);
  for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
    await refused(place, `stolen for ${method}`, () => thief.legacy(theirs, method, { taskId }));
    await refused(place, `raw for ${method}`, () => owner.legacy(mine, method, { taskId: 'raw-task' }));
    const answer = await owner.legacy(mine, method, { taskId });
    assert.equal(answer.error, null, method);
    assert.ok(!JSON.stringify(answer.result).includes('raw-'), method);
    assert.equal(place.files.asked.at(-1)?.params['taskId'], 'raw-task');
  }
  await refused(place, 'stolen into the other era', () => thief.modern('tasks/get', { taskId }));
  assert.equal((await owner.modern('tasks/get', { taskId })).result?.['taskId'], taskId);
  await using everywhere = await rawAgent(place.town, 'owner', { known: true });
  await using thiefEverywhere = await rawAgent(place.town, 'thief', { known: true });
  assert.equal((await everywhere.modern('tasks/get', { taskId })).result?.['taskId'], taskId);
  await refused(place, 'stolen to all servers', () => thiefEverywhere.modern('tasks/get', { taskId }));
});

test('law 5 a server that lists the tasks of all gives an agent those of others to look at, not to use', async () => {
  await using place = await stage();
  const owner = await place.at('files', 'owner');
  const thief = await place.at('files', 'thief');
  const mine = await owner.initialize();
  const theirs = await thief.initialize();
  const listed = async (agent: RawAgent, session: string): Promise<string> => {
    const { result } = await agent.legacy(session, 'tasks/list');
    const [first] = (result?.['tasks'] ?? []) as readonly Params[];
    return text(first?.['taskId']);
  };
  const made = await owner.legacy(mine, 'tools/call', { name: 'start', arguments: {}, task: { ttl: 1_000 } });
  const taskId = text(((made.result?.['task'] ?? {}) as Params)['taskId']);
  assert.equal(await listed(owner, mine), taskId);
  const seen = await listed(thief, theirs);
  assert.notEqual(seen, 'raw-task');
  for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
    await refused(place, `listed and used for ${method}`, () =>
      thief.legacy(theirs, method, { taskId: seen }),
    );
  }
  assert.equal((await owner.legacy(mine, 'tasks/get', { taskId })).error, null);
});

test('law 5 a subscription at one server hears of its own agent’s tasks, under the ids that it knows', async () => {
  await using place = await stage();
  const owner = await place.at('files', 'owner');
  const thief = await place.at('files', 'thief');
  const made = await owner.modern('tools/call', { name: 'start', arguments: {} });
  const taskId = text(made.result?.['taskId']);
  const listen = { notifications: { taskIds: [taskId] } };
  await refused(place, 'stolen to listen', () => thief.modern('subscriptions/listen', listen));
  await refused(place, 'raw', () =>
    owner.modern('subscriptions/listen', { notifications: { taskIds: ['raw-task'] } }),
  );
  const stream = await owner.stream({ listen });
  await until(() => stream.messages.length === 1);
  place.files.tell('notifications/tasks', { ...task, requestState: 'raw-state' });
  await until(() => stream.messages.length === 2);
  const [acknowledged, told] = stream.messages;
  assert.ok(acknowledged && told);
  assert.deepEqual((acknowledged['params'] as Params)['notifications'], listen.notifications);
  assert.equal((told['params'] as Params)['taskId'], taskId);
  assert.ok(!JSON.stringify(stream.messages).includes('raw-'));
  const requestState = text((told['params'] as Params)['requestState']);
  assert.equal((await owner.modern('tasks/get', { taskId, requestState })).error, null);
  stream.close();
});

const subjects: readonly (readonly [method: string, params: Params, other: Params])[] = [
  ['tools/call', { name: 'act', arguments: {} }, { name: 'more', arguments: {} }],
  ['prompts/get', { name: 'say' }, { name: 'more' }],
  ['resources/read', { uri: 'x:one' }, { uri: 'x:two' }],
];

test('law 5 a request state at one server works for the agent and the thing it was given for', async () => {
  await using place = await stage();
  const owner = await place.at('files', 'owner');
  const thief = await place.at('files', 'thief');
  const elsewhere = await place.at('other', 'owner');
  const renewed = await place.at('files', 'owner');
  for (const [method, params, other] of subjects) {
    const requestState = text((await owner.modern(method, params)).result?.['requestState']);
    assert.ok(!Buffer.from(requestState, 'base64url').toString().includes('raw'));
    const again = { ...params, requestState };
    await refused(place, `stolen for ${method}`, () => thief.modern(method, again));
    await refused(place, `${method} of something else`, () =>
      owner.modern(method, { ...other, requestState }),
    );
    await refused(place, `${method} at another server`, () => elsewhere.modern(method, again));
    await refused(place, 'raw', () => owner.modern(method, { ...params, requestState: 'raw-state' }));
    for (const agent of [owner, renewed]) {
      assert.equal((await agent.modern(method, again)).error, null);
      assert.equal(place.files.asked.at(-1)?.params['requestState'], 'raw-state');
    }
  }
});

test('law 5 a cursor at one server works for the agent and the list it was given for', async () => {
  await using place = await stage();
  const owner = await place.at('files', 'owner');
  const thief = await place.at('files', 'thief');
  const lists = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];
  for (const method of lists) {
    const cursor = text((await owner.modern(method)).result?.['nextCursor']);
    await refused(place, `stolen for ${method}`, () => thief.modern(method, { cursor }));
    await refused(place, `raw for ${method}`, () => owner.modern(method, { cursor: 'raw-cursor' }));
    const another = lists[(lists.indexOf(method) + 1) % lists.length] ?? '';
    await refused(place, `${method} for ${another}`, () => owner.modern(another, { cursor }));
    assert.equal((await owner.modern(method, { cursor })).result?.['nextCursor'], undefined);
    assert.equal(place.files.asked.at(-1)?.params['cursor'], 'raw-cursor');
  }
});

test('law 5 a state that comes in an event stream cut anywhere is sealed, and the rest of the stream is as it was', async () => {
  const progress = `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}\n\n`;
  const answer = (id: unknown): string =>
    `event: message\ndata: {"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"note":"${'long '.repeat(9_000)}","requestState":"raw-state"}}\n\n`;
  let states: unknown[] = [];
  await using server = await openHttpServer(async (_request, response, body) => {
    const { id, params = {}, method } = body as { id?: unknown; params?: Params; method?: string };
    if (method !== 'tools/call') {
      const result = { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: {} };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      return;
    }
    states.push(params['requestState']);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const stream = progress + answer(id);
    const cut = stream.indexOf('estState');
    response.write(stream.slice(0, cut));
    setTimeout(() => response.end(stream.slice(cut)), 20);
  });
  await using town = await openTown();
  await town.addHttpServer('files', server.url);
  await town.permit('permit (principal, action, resource);');
  await using owner = await rawAgent(town, 'owner', { server: 'files' });
  await using thief = await rawAgent(town, 'thief', { server: 'files' });
  const first = await owner.modern('tools/call', { name: 'act', arguments: {} });
  const requestState = text(first.result?.['requestState']);
  assert.equal(text(first.result?.['note']).length, 45_000);
  assert.ok(requestState.length > 40 && requestState !== 'raw-state');
  const again = { name: 'act', arguments: {}, requestState };
  assert.equal((await thief.modern('tools/call', again)).error?.data?.code, 'handle_unknown');
  assert.equal((await owner.modern('tools/call', again)).error, null);
  assert.deepEqual(states, [undefined, 'raw-state']);
});

test('law 5 every theft of a handle at one server is in the log under the thief', async () => {
  await using place = await stage();
  const owner = await place.at('files', 'owner');
  const thief = await place.at('files', 'thief');
  const made = await owner.modern('tools/call', { name: 'start', arguments: {} });
  await thief.modern('tasks/cancel', { taskId: made.result?.['taskId'] });
  const refusals = (await place.town.events()).filter(({ type }) => type === 'call.refused');
  assert.deepEqual(
    refusals.map(({ agent, code, server }) => [agent, code, server]),
    [['thief', 'handle_unknown', 'files']],
  );
});
