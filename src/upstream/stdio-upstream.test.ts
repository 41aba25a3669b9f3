import assert from 'node:assert/strict';
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { steppedClock, systemClock } from '../kernel/clock.ts';
import { createTransport, type TransportOptions } from './create-transport.ts';
import { defaultIsolation } from './isolation/isolation.ts';
import { eventReader, eventsOf, jsonOf, post, textOf } from './inbound.fixture.ts';
import type { StdioServerDefinition } from './server-definition.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';

const noIdentity = (): { certificate: string; key: string } => ({ certificate: '', key: '' });

/** A small MCP server of its own making; `answers` maps a method to the body of an async function. */
function script(answers: Record<string, string>, preamble = ''): readonly string[] {
  const table = Object.entries(answers).map(
    ([method, body]) => `${JSON.stringify(method)}: async (m) => {${body}}`,
  );
  const program = `
    const say = (o) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...o }) + '\\n');
    const reply = (m, result) => say({ id: m.id, result });
    ${preamble}
    const answers = { initialize: async (m) => reply(m, { protocolVersion: '2025-11-25' }), ${table.join(', ')} };
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const m = JSON.parse(line);
      answers[m.method ?? 'response']?.(m);
    });`;
  return [process.execPath, '-e', program];
}

function open(
  command: readonly string[],
  more: Partial<StdioServerDefinition> & { options?: Partial<TransportOptions> } = {},
): Upstream & { readonly lines: string[] } {
  const { options, ...rest } = more;
  const lines: string[] = [];
  const upstream = createTransport(
    {
      name: 'test',
      description: '',
      transport: 'stdio',
      era: 'auto',
      command,
      directory: null,
      environment: {},
      // Its walls have tests of their own: src/upstream/isolation.
      isolation: { ...defaultIsolation, by: 'none' },
      ...rest,
    },
    {
      clock: systemClock,
      identity: noIdentity,
      log: (line) => void (line.includes('without isolation') || lines.push(line)),
      ...options,
    },
  );
  return Object.assign(upstream, { lines });
}

function call(method: string, id: number | string = 1, params: JsonObject = {}): JsonObject {
  return { jsonrpc: '2.0', id, method, params };
}

async function begin(
  upstream: Upstream,
  more: Partial<UpstreamRequest> = {},
): Promise<Record<string, string>> {
  const response = await upstream.send(post('legacy', call('initialize', 'init'), more));
  assert.equal((await jsonOf(response))['id'], 'init');
  const id = response.headers['mcp-session-id'];
  assert.ok(id);
  return { 'mcp-session-id': id };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function resultOf(upstream: Upstream, request: UpstreamRequest): Promise<JsonObject> {
  return (await jsonOf(await upstream.send(request)))['result'] as JsonObject;
}

test('T3 a legacy session is opened by initialize, used by its id and ended by DELETE', async () => {
  await using upstream = open(script({ 'tools/list': "reply(m, { tools: ['a'] })" }));
  assert.equal(upstream.health().state, 'idle');
  const headers = await begin(upstream);
  assert.equal(upstream.health().state, 'up');
  assert.equal(
    (
      await upstream.send(
        post('legacy', { jsonrpc: '2.0', method: 'notifications/initialized' }, { headers }),
      )
    ).status,
    202,
  );
  const listed = await upstream.send(post('legacy', call('tools/list', 'x'), { headers }));
  assert.equal(listed.headers['content-type'], 'application/json');
  assert.deepEqual(await jsonOf(listed), { jsonrpc: '2.0', id: 'x', result: { tools: ['a'] } });
  const bare = { inbound: null, headers };
  assert.equal((await upstream.send(post('legacy', {}, { ...bare, method: 'DELETE' }))).status, 204);
  await assert.rejects(upstream.send(post('legacy', call('tools/list'), { headers })), {
    code: 'session_unknown',
  });
  assert.equal(upstream.health().state, 'idle');
});

test('a request without a session is refused unless it is initialize', async () => {
  await using upstream = open(script({}));
  await assert.rejects(upstream.send(post('legacy', call('tools/list'))), { code: 'header_mismatch' });
});

test('CVE-2026-52869 a session is unknown to every caller but its own', async () => {
  await using upstream = open(script({ 'tools/list': 'reply(m, {})' }));
  const headers = await begin(upstream);
  const other = { headers, caller: 'spiffe://example.internal/agent/other' };
  await assert.rejects(upstream.send(post('legacy', call('tools/list'), other)), { code: 'session_unknown' });
  for (const method of ['GET', 'DELETE'] as const) {
    await assert.rejects(upstream.send({ ...post('legacy', {}, other), inbound: null, method }), {
      code: 'session_unknown',
    });
  }
});

test('equal ids and progress tokens of requests under way at once do not cross', async () => {
  const slow = `
    say({ method: 'notifications/progress', params: { progressToken: m.params._meta.progressToken, progress: m.params.n } });
    setTimeout(() => reply(m, { n: m.params.n }), 20 - m.params.n);`;
  await using upstream = open(script({ 'tools/call': slow }));
  const headers = await begin(upstream);
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, n) => {
      const request = call('tools/call', 7, { n, _meta: { progressToken: 'same' } });
      return eventsOf(await upstream.send(post('legacy', request, { headers })));
    }),
  );
  for (const [n, events] of answers.entries()) {
    assert.deepEqual(events, [
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 'same', progress: n } },
      { jsonrpc: '2.0', id: 7, result: { n } },
    ]);
  }
});

test('T3 a question of the server travels on the stream of the call, and its answer back', async () => {
  const ask = `
    say({ id: 'q1', method: 'sampling/createMessage', params: {} });
    answers.response = (r) => reply(m, { got: r.result, to: r.id });`;
  await using upstream = open(script({ 'tools/call': ask }));
  const headers = await begin(upstream);
  const response = await upstream.send(post('legacy', call('tools/call'), { headers }));
  assert.equal(response.headers['content-type'], 'text/event-stream');
  const events = eventReader(response);
  assert.equal(((await events.next()) as JsonObject)['method'], 'sampling/createMessage');
  // An answer to what was never asked goes nowhere.
  const stray = { jsonrpc: '2.0', id: 'q2', result: 'wrong' };
  assert.equal((await upstream.send(post('legacy', stray, { headers }))).status, 202);
  const answer = { jsonrpc: '2.0', id: 'q1', result: 'right' };
  assert.equal((await upstream.send(post('legacy', answer, { headers }))).status, 202);
  assert.deepEqual(await events.next(), { jsonrpc: '2.0', id: 1, result: { got: 'right', to: 'q1' } });
});

test('T3 GET carries what belongs to no request, also what came before it; a second one is 409', async () => {
  const news = "say({ method: 'notifications/tools/list_changed' })";
  await using upstream = open(script({ 'notifications/initialized': news, 'notifications/more': news }));
  const headers = await begin(upstream);
  await upstream.send(post('legacy', { jsonrpc: '2.0', method: 'notifications/initialized' }, { headers }));
  const leaving = new AbortController();
  const get = {
    ...post('legacy', {}, { headers, signal: leaving.signal }),
    inbound: null,
    method: 'GET',
  } as const;
  const response = await upstream.send(get);
  assert.equal(response.headers['content-type'], 'text/event-stream');
  const events = eventReader(response);
  const told = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
  assert.deepEqual(await events.next(), told);
  await upstream.send(post('legacy', { jsonrpc: '2.0', method: 'notifications/more' }, { headers }));
  assert.deepEqual(await events.next(), told);
  assert.equal((await upstream.send({ ...get, signal: new AbortController().signal })).status, 409);
  leaving.abort();
  await assert.rejects(events.next(), /ended/);
  assert.equal((await upstream.send({ ...get, signal: new AbortController().signal })).status, 200);
});

test('a batch is answered as a stream of all its answers', async () => {
  await using upstream = open(script({ ping: 'reply(m, { n: m.params.n })' }));
  const headers = await begin(upstream);
  const batch = [call('ping', 'a', { n: 1 }), call('ping', 'b', { n: 2 })];
  const events = await eventsOf(await upstream.send(post('legacy', batch, { headers })));
  assert.deepEqual(
    events.map((event) => (event as JsonObject)['id']),
    ['a', 'b'],
  );
});

test('a cancellation names the request by the child’s own id and lets its caller go', async () => {
  const told = "say({ method: 'notifications/told', params: m.params })";
  await using upstream = open(
    script({ 'tools/call': "say({ method: 'notifications/message' })", 'notifications/cancelled': told }),
  );
  const headers = await begin(upstream);
  const leaving = new AbortController();
  const pending = await upstream.send(post('legacy', call('tools/call', 'mine'), { headers }));
  const events = eventReader(pending);
  await events.next();
  const get = {
    ...post('legacy', {}, { headers, signal: leaving.signal }),
    inbound: null,
    method: 'GET',
  } as const;
  const news = eventReader(await upstream.send(get));
  const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'mine' } };
  await upstream.send(post('legacy', cancelled, { headers }));
  await assert.rejects(events.next(), /ended/);
  const seen = (await news.next()) as { params: { requestId: number } };
  assert.equal(typeof seen.params.requestId, 'number');
});

test('T3 leaving a legacy POST is not a cancellation; leaving a modern one is', async () => {
  const report = 'cancelled.push(m.params.requestId)';
  const command = script(
    {
      'tools/call':
        "say({ method: 'notifications/progress', params: { progressToken: m.params._meta.progressToken } })",
      'notifications/cancelled': report,
      count: 'reply(m, { cancelled: cancelled.length })',
    },
    'const cancelled = [];',
  );
  await using upstream = open(command);
  const headers = await begin(upstream);
  for (const era of ['legacy', 'modern'] as const) {
    const more = era === 'legacy' ? { headers } : {};
    const leaving = new AbortController();
    const request = call('tools/call', 1, { _meta: { progressToken: 1 } });
    const response = await upstream.send(post(era, request, { ...more, signal: leaving.signal }));
    const events = eventReader(response);
    await events.next();
    leaving.abort();
    await assert.rejects(events.next());
    const count = await resultOf(upstream, post(era, call('count'), more));
    assert.deepEqual(count, { cancelled: era === 'legacy' ? 0 : 1 });
  }
});

test('T3 modern requests of one caller share a child; another caller has its own', async () => {
  await using upstream = open(script({ 'server/discover': 'reply(m, { pid: process.pid })' }));
  const ask = async (caller: string): Promise<unknown> =>
    (await resultOf(upstream, post('modern', call('server/discover'), { caller })))['pid'];
  const [first, again] = await Promise.all([ask('a'), ask('a')]);
  assert.equal(first, again);
  assert.notEqual(await ask('b'), first);
  assert.equal(upstream.health().detail, '2 children');
});

test('T3 a modern subscription stays open under the caller’s own id', async () => {
  const key = 'io.modelcontextprotocol/subscriptionId';
  const listen = `
    const tell = (method) => say({ method, params: { _meta: { '${key}': m.id } } });
    tell('notifications/subscriptions/acknowledged');
    setTimeout(() => tell('notifications/tools/list_changed'), 5);`;
  await using upstream = open(script({ 'subscriptions/listen': listen }), {
    options: { limits: { answerMilliseconds: 1 } },
  });
  const leaving = new AbortController();
  const response = await upstream.send(
    post('modern', call('subscriptions/listen', 'mine'), { signal: leaving.signal }),
  );
  const events = eventReader(response);
  for (const method of ['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed']) {
    assert.deepEqual(await events.next(), { jsonrpc: '2.0', method, params: { _meta: { [key]: 'mine' } } });
  }
  leaving.abort();
});

test('T3 a modern error that is told before a method runs has its HTTP status', async () => {
  const command = script({ x: "say({ id: m.id, error: { code: m.params.code, message: '' } })" });
  await using upstream = open(command);
  for (const [code, status] of [
    [-32601, 404],
    [-32022, 400],
    [-32603, 200],
  ] as const) {
    assert.equal((await upstream.send(post('modern', call('x', 1, { code })))).status, status);
  }
});

test('a modern child that asks questions is told that there are none', async () => {
  const ask =
    "answers.response = (r) => reply(m, { error: r.error.code }); say({ id: 'q', method: 'roots/list' })";
  await using upstream = open(script({ x: ask }));
  assert.deepEqual(await resultOf(upstream, post('modern', call('x'))), { error: -32601 });
});

test('S4 a child sees PATH, HOME, LANG and what is declared, and its home is removed with it', async () => {
  const command = script({ env: 'reply(m, { env: process.env, cwd: process.cwd() })' });
  const environment = {
    PATH: process.env['PATH'] ?? '',
    LANG: 'C',
    SECRET: 'leaked',
    TOKEN: 'a-secret-value',
  };
  const upstream = open(command, {
    environment: { API_TOKEN: 'env:TOKEN', MODE: 'plain' },
    options: { environment },
  });
  const seen = (await resultOf(upstream, post('modern', call('env')))) as {
    env: Record<string, string>;
    cwd: string;
  };
  const { HOME: home = '', ...rest } = seen.env;
  assert.deepEqual(rest, { PATH: environment.PATH, LANG: 'C', API_TOKEN: 'a-secret-value', MODE: 'plain' });
  assert.match(home, /countersign-child-/);
  await access(home);
  await upstream[Symbol.asyncDispose]();
  await assert.rejects(access(home));
});

test('S4 arguments reach the child as they are, and no shell reads them', async () => {
  const words = ['$(touch x)', '; echo hi', '`id`', '"', "'", '&& true', '*'];
  const [program = '', flag = '', text = ''] = script({ argv: 'reply(m, { argv: process.argv.slice(1) })' });
  await using upstream = open([program, flag, text, '--', ...words]);
  assert.deepEqual((await resultOf(upstream, post('modern', call('argv'))))['argv'], words);
});

test('what a child writes to standard error is logged line by line, without secrets and without end', async () => {
  const command = script({
    x: "console.error('token is ' + process.env.T); console.error('y'.repeat(5000)); reply(m, {})",
  });
  const upstream = open(command, {
    environment: { T: 'env:T' },
    options: { environment: { T: 'hunter2-hunter2' } },
  });
  await resultOf(upstream, post('modern', call('x')));
  await upstream[Symbol.asyncDispose]();
  assert.ok(upstream.lines.includes('Server test: token is [secret]'));
  assert.ok(upstream.lines.every((line) => line.length < 2_100));
  assert.equal(upstream.lines.length, 2);
});

test('a program that does not exist is unreachable, backs off and is tried again later', async () => {
  const clock = steppedClock(0);
  await using upstream = open(['/nonexistent/program'], { options: { clock } });
  const ask = (): Promise<unknown> => upstream.send(post('modern', call('x')));
  await assert.rejects(ask(), { code: 'upstream_unreachable', message: /ENOENT/ });
  assert.equal(upstream.health().state, 'down');
  await assert.rejects(ask(), { code: 'upstream_unreachable', message: /is down .* tried again in 250 ms/ });
  clock.advance(251);
  await assert.rejects(ask(), { code: 'upstream_unreachable', message: /cannot be started/ });
  await assert.rejects(ask(), { code: 'upstream_unreachable', message: /tried again in 500 ms/ });
});

test('one caller’s failing child does not make another caller wait', async () => {
  await using upstream = open(script({ die: 'process.exit(3)', x: 'reply(m, {})' }));
  await assert.rejects(upstream.send(post('modern', call('die'), { caller: 'a' })), {
    code: 'upstream_failed',
  });
  await assert.rejects(upstream.send(post('modern', call('x'), { caller: 'a' })), {
    code: 'upstream_unreachable',
  });
  assert.equal((await upstream.send(post('modern', call('x'), { caller: 'b' }))).status, 200);
});

test('a child that dies in the middle of an answer breaks the stream and the other calls', async () => {
  const die =
    "say({ method: 'notifications/message', params: {} }); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 5)";
  await using upstream = open(script({ die, hang: '' }));
  const headers = await begin(upstream);
  const hanging = upstream.send(post('legacy', call('hang'), { headers }));
  hanging.catch(() => undefined);
  const dying = await upstream.send(post('legacy', call('die'), { headers }));
  await assert.rejects(textOf(dying), { code: 'upstream_failed', message: /SIGKILL/ });
  await assert.rejects(hanging, { code: 'upstream_failed' });
  await assert.rejects(upstream.send(post('legacy', call('hang'), { headers })), { code: 'session_unknown' });
  assert.equal(upstream.health().state, 'down');
});

test('a child that hangs is given up after its time and told so', async () => {
  const command = script(
    { hang: '', 'notifications/cancelled': 'told = true', told: 'reply(m, { told })' },
    'let told = false;',
  );
  await using upstream = open(command, { options: { limits: { answerMilliseconds: 300 } } });
  await assert.rejects(upstream.send(post('modern', call('hang'))), { code: 'upstream_timeout' });
  assert.deepEqual(await resultOf(upstream, post('modern', call('told'))), { told: true });
});

test('a child that writes garbage is logged, and given up when it goes on', async () => {
  const noise = (lines: number): string =>
    `for (let i = 0; i < ${lines}; i++) console.log(i % 2 ? 'noise {' : '{"jsonrpc":"1.0"}');`;
  await using upstream = open(script({ some: `${noise(19)} reply(m, {})`, much: noise(20) }));
  assert.deepEqual(await resultOf(upstream, post('modern', call('some'))), {});
  assert.equal(upstream.lines.length, 19);
  await assert.rejects(upstream.send(post('modern', call('much'))), { code: 'upstream_garbage' });
});

test('a child whose JSON is nested too deep to pass on is garbage, not a crash', async () => {
  const deep =
    'for (let i = 0; i < 20; i++) process.stdout.write(\'{"jsonrpc":"2.0","id":1,"result":\' + \'[\'.repeat(1e5) + \']\'.repeat(1e5) + \'}\\n\')';
  await using upstream = open(script({ deep }));
  await assert.rejects(upstream.send(post('modern', call('deep'))), { code: 'upstream_garbage' });
});

test('a message of 20 MB is not held: the child is killed', async () => {
  await using upstream = open(
    script({ big: "const s = 'x'.repeat(20e6); reply(m, { s })", pid: 'reply(m, { pid: process.pid })' }),
  );
  const { pid } = await resultOf(upstream, post('modern', call('pid')));
  await assert.rejects(upstream.send(post('modern', call('big'))), { code: 'upstream_too_large' });
  assert.equal(alive(Number(pid)), false);
});

test('trap zombie children: what a child started and left behind is killed with it', async () => {
  const spawnOne =
    "const c = require('node:child_process').spawn('sleep', ['600']); reply(m, { mine: process.pid, its: c.pid })";
  const upstream = open(script({ spawnOne }), { options: { limits: { graceMilliseconds: 50 } } });
  const pids = await resultOf(upstream, post('modern', call('spawnOne')));
  assert.ok(alive(Number(pids['its'])));
  await upstream[Symbol.asyncDispose]();
  for (const pid of Object.values(pids)) await goneOf(Number(pid));
});

test('trap zombie children: a child that ignores the end of its input and SIGTERM is killed', async () => {
  const stubborn = "process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000);";
  const upstream = open(script({ pid: 'reply(m, { pid: process.pid })' }, stubborn), {
    options: { limits: { graceMilliseconds: 20 } },
  });
  const { pid } = await resultOf(upstream, post('modern', call('pid')));
  await upstream[Symbol.asyncDispose]();
  assert.equal(alive(Number(pid)), false);
});

test('trap leak per abandoned session: a session nobody uses is ended, and an open stream keeps one', async () => {
  await using upstream = open(script({ pid: 'reply(m, { pid: process.pid })' }), {
    options: { limits: { unusedMilliseconds: 150 } },
  });
  const kept = await begin(upstream);
  const get = { ...post('legacy', {}, { headers: kept }), inbound: null, method: 'GET' } as const;
  await upstream.send(get);
  const abandoned = await begin(upstream);
  const { pid } = await resultOf(upstream, post('legacy', call('pid'), { headers: abandoned }));
  await goneOf(Number(pid));
  await assert.rejects(upstream.send(post('legacy', call('pid'), { headers: abandoned })), {
    code: 'session_unknown',
  });
  assert.equal((await upstream.send(post('legacy', call('pid'), { headers: kept }))).status, 200);
});

test('trap leak per abandoned session: initialize that fails or is left leaves no child', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    const note = `require('node:fs').writeFileSync(${JSON.stringify(folder)} + '/' + process.pid, '');`;
    const refuse = "m.params.hang || say({ id: m.id, error: { code: -32603, message: 'no' } })";
    const upstream = open(script({ initialize: refuse }, note));
    const response = await upstream.send(post('legacy', call('initialize')));
    assert.equal(response.headers['mcp-session-id'], undefined);
    const leaving = new AbortController();
    const left = upstream.send(
      post('legacy', call('initialize', 1, { hang: true }), { signal: leaving.signal }),
    );
    while ((await readdir(folder)).length < 2) await wait(5);
    leaving.abort();
    await assert.rejects(left, { code: 'unavailable' });
    for (const pid of await readdir(folder)) await goneOf(Number(pid));
    assert.equal(upstream.health().state, 'idle');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a caller at its cap loses the session it used least, and is refused when all are in use', async () => {
  await using upstream = open(script({ hang: '', x: 'reply(m, {})' }), {
    options: { limits: { sessionsPerCaller: 2 } },
  });
  const first = await begin(upstream);
  const second = await begin(upstream);
  upstream.send(post('legacy', call('hang'), { headers: second })).catch(() => undefined);
  const third = await begin(upstream);
  await assert.rejects(upstream.send(post('legacy', call('x'), { headers: first })), {
    code: 'session_unknown',
  });
  upstream.send(post('legacy', call('hang'), { headers: third })).catch(() => undefined);
  await wait(0);
  await assert.rejects(upstream.send(post('legacy', call('initialize'))), { code: 'limit_reached' });
  assert.ok(await begin(upstream, { caller: 'somebody else' }));
});

test('ending a caller ends its children and streams and nobody else’s', async () => {
  await using upstream = open(script({ pid: 'reply(m, { pid: process.pid })' }));
  const headers = await begin(upstream);
  const get = { ...post('legacy', {}, { headers }), inbound: null, method: 'GET' } as const;
  const stream = await upstream.send(get);
  const modern = await resultOf(upstream, post('modern', call('pid')));
  const other = await resultOf(upstream, post('modern', call('pid'), { caller: 'other' }));
  await upstream.endCaller(post('modern', {}).caller);
  assert.equal(await textOf(stream), '');
  assert.equal(alive(Number(modern['pid'])), false);
  assert.equal(alive(Number(other['pid'])), true);
  await assert.rejects(upstream.send(post('legacy', call('pid'), { headers })), { code: 'session_unknown' });
});

test('a reader that is too slow loses its stream, not the memory of the gateway', async () => {
  const flood = `
    const params = { progressToken: m.params._meta.progressToken, message: 'x'.repeat(10000) };
    for (let i = 0; i < 50; i++) say({ method: 'notifications/progress', params });
    reply(m, {})`;
  await using upstream = open(script({ flood, x: 'reply(m, {})' }), {
    options: { limits: { queueBytes: 100_000 } },
  });
  const response = await upstream.send(post('modern', call('flood', 1, { _meta: { progressToken: 1 } })));
  await resultOf(upstream, post('modern', call('x')));
  await assert.rejects(textOf(response), { code: 'upstream_too_large' });
});

test('T3 the reference server answers through standard input and output', async () => {
  const entry = new URL(
    '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
    import.meta.url,
  );
  await using upstream = open([process.execPath, entry.pathname, 'stdio']);
  const initialize = call('initialize', 0, {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  });
  const opened = await upstream.send(post('legacy', initialize));
  const headers = { 'mcp-session-id': opened.headers['mcp-session-id'] ?? '' };
  assert.match(await textOf(opened), /protocolVersion/);
  await upstream.send(post('legacy', { jsonrpc: '2.0', method: 'notifications/initialized' }, { headers }));
  const echo = call('tools/call', 'e', { name: 'echo', arguments: { message: 'hello' } });
  assert.match(await textOf(await upstream.send(post('legacy', echo, { headers }))), /hello/);
});

/** Waits until a process is gone; a zombie counts as there. */
async function goneOf(pid: number): Promise<void> {
  while (alive(pid)) {
    // A killed grandchild belongs to init, which may reap it late.
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (/\) Z 1 /.test(state)) return;
    await wait(5);
  }
}
