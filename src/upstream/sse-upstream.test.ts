import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { HttpEngine } from '../http/http-engine.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { systemClock } from '../kernel/clock.ts';
import { createTransport, type TransportOptions } from './create-transport.ts';
import { createUpstream } from './create-upstream.ts';
import { eventReader, jsonOf, post } from './inbound.fixture.ts';
import { readServerDefinition, type SseServerDefinition } from './server-definition.ts';
import { authority, type Behaviour, openOldServer, say } from './sse-server.fixture.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';

const gateway = authority.issue({ commonName: 'gateway', purpose: 'client' });

function openUpstream(
  engine: HttpEngine,
  url: string,
  more: Partial<SseServerDefinition> & { options?: Partial<TransportOptions> } = {},
): Upstream & { readonly lines: string[] } {
  const { options, ...rest } = more;
  const lines: string[] = [];
  const tls = { authority: null, presentCertificate: false, serverName: null };
  const upstream = createTransport(
    { name: 'old', description: '', transport: 'sse', era: 'legacy', url, tls, headers: {}, ...rest },
    { clock: systemClock, engine, identity: () => gateway, log: (line) => lines.push(line), ...options },
  );
  return Object.assign(upstream, { lines });
}

const call = (method: string, id: number | string = 1): JsonObject => ({
  jsonrpc: '2.0',
  id,
  method,
  params: {},
});

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

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await wait(10);
  assert.ok(condition());
}

for (const engine of ['wire', 'node'] as const)
  describe(`an HTTP+SSE upstream with the ${engine} engine`, () => specify(engine));

function specify(engine: HttpEngine): void {
  const open = (
    url: string,
    more: Parameters<typeof openUpstream>[2] = {},
  ): ReturnType<typeof openUpstream> => openUpstream(engine, url, more);

  test('T3 a session is a stream that initialize opens, is used by its id and ended by DELETE', async () => {
    await using server = await openOldServer({
      take: (message, stream) => {
        if (message['id'] !== undefined) say(stream, { id: message['id'], result: { tools: ['a'] } });
      },
    });
    await using upstream = open(server.url, { headers: { 'x-key': 'a value' } });
    const headers = await begin(upstream);
    assert.equal(upstream.health().state, 'up');
    const listed = await upstream.send(post('legacy', call('tools/list', 'x'), { headers }));
    assert.deepEqual(await jsonOf(listed), { jsonrpc: '2.0', id: 'x', result: { tools: ['a'] } });
    assert.deepEqual(
      server.posted.map(({ path, body }) => [path, body['method']]),
      [
        ['/messages?session=0', 'initialize'],
        // Its client said so at another gateway, or never: the server has to hear it before anything else.
        ['/messages?session=0', 'notifications/initialized'],
        ['/messages?session=0', 'tools/list'],
      ],
    );
    for (const seen of server.posted) {
      assert.equal(seen.headers['x-key'], 'a value');
      assert.equal(seen.headers['mcp-session-id'], undefined, 'our id of the session is not the server’s');
    }
    const bare = { ...post('legacy', {}, { headers }), inbound: null, method: 'DELETE' as const };
    assert.equal((await upstream.send(bare)).status, 204);
    await until(() => server.streams.length === 0);
    await assert.rejects(upstream.send(post('legacy', call('tools/list'), { headers })), {
      code: 'session_unknown',
    });
  });

  test('T3 progress and questions come on the stream of the call, and answers are posted', async () => {
    await using server = await openOldServer({
      take(message, stream) {
        if (message['method'] === 'tools/call') {
          const { progressToken } = (message['params'] as { _meta: JsonObject })._meta;
          say(stream, {
            method: 'notifications/progress',
            params: { progressToken: progressToken ?? null, progress: 1 },
          });
          say(stream, { id: 'q', method: 'elicitation/create', params: {} });
        } else if (message['id'] === 'q')
          say(stream, { id: 2, result: { content: message['result'] ?? null } });
      },
    });
    await using upstream = open(server.url);
    const headers = await begin(upstream);
    const asked = { ...call('tools/call', 'x'), params: { name: 'a', _meta: { progressToken: 'mine' } } };
    const events = eventReader(await upstream.send(post('legacy', asked, { headers })));
    assert.deepEqual(((await events.next()) as { params: unknown }).params, {
      progressToken: 'mine',
      progress: 1,
    });
    assert.equal(((await events.next()) as JsonObject)['method'], 'elicitation/create');
    const answer = { jsonrpc: '2.0', id: 'q', result: { action: 'decline' } };
    assert.equal((await upstream.send(post('legacy', answer, { headers }))).status, 202);
    assert.deepEqual(await events.next(), {
      jsonrpc: '2.0',
      id: 'x',
      result: { content: { action: 'decline' } },
    });
  });

  test('T2 T3 stream and messages go over mutual TLS, to the server that the definition names and to no other', async () => {
    await using server = await openOldServer({
      mutual: true,
      take: (message, stream) => say(stream, { id: message['id'] ?? null, result: {} }),
    });
    const place = await mkdtemp(join(tmpdir(), 'countersign-'));
    try {
      const path = join(place, 'authority.pem');
      await writeFile(path, authority.certificate);
      const tls = { authority: path, presentCertificate: true, serverName: 'localhost' };
      await using upstream = open(server.url, { tls });
      const headers = await begin(upstream);
      assert.equal((await upstream.send(post('legacy', call('tools/list'), { headers }))).status, 200);
      const before = server.posted.length;
      for (const wrong of [
        { ...tls, authority: null },
        { ...tls, serverName: 'other' },
        { ...tls, presentCertificate: false },
      ]) {
        await using other = open(server.url, { tls: wrong });
        await assert.rejects(other.send(post('legacy', call('initialize'))), (error) =>
          ['upstream_unreachable', 'upstream_failed'].includes((error as { code: string }).code),
        );
      }
      assert.equal(server.posted.length, before);
    } finally {
      await rm(place, { recursive: true });
    }
  });

  test('T3 what follows a notification is posted when the notification was taken', async () => {
    let free = (): void => undefined;
    const held = new Promise<void>((resolve) => (free = resolve));
    await using server = await openOldServer({
      take: async (message, stream) => {
        if (message['method'] === 'notifications/initialized') await held;
        else say(stream, { id: message['id'] ?? null, result: {} });
      },
    });
    await using upstream = open(server.url);
    const headers = await begin(upstream);
    const ready = { jsonrpc: '2.0', method: 'notifications/initialized' };
    assert.equal((await upstream.send(post('legacy', ready, { headers }))).status, 202);
    const listing = upstream.send(post('legacy', call('tools/list'), { headers }));
    await until(() => server.posted.length === 2);
    await wait(50);
    assert.deepEqual(
      server.posted.map(({ body }) => body['method']),
      ['initialize', 'notifications/initialized'],
    );
    free();
    assert.equal((await listing).status, 200);
  });

  test('T3 a session works for nobody but its caller', async () => {
    await using server = await openOldServer();
    await using upstream = open(server.url);
    const headers = await begin(upstream);
    const thief = { headers, caller: 'spiffe://example.internal/agent/thief' };
    for (const request of [
      post('legacy', call('tools/list'), thief),
      { ...post('legacy', {}, thief), inbound: null, method: 'GET' as const },
      { ...post('legacy', {}, thief), inbound: null, method: 'DELETE' as const },
    ]) {
      await assert.rejects(upstream.send(request), { code: 'session_unknown' });
    }
    assert.equal(server.posted.length, 1);
    assert.equal(server.streams.length, 1);
  });

  test('T3 law 8: a server that names an endpoint at another origin gets nothing, and neither does that one', async () => {
    await using other = await openOldServer();
    await using server = await openOldServer({ endpoint: other.url });
    await using upstream = open(server.url, { headers: { authorization: 'Bearer of the gateway' } });
    await assert.rejects(upstream.send(post('legacy', call('initialize'))), { code: 'upstream_garbage' });
    assert.deepEqual([server.posted.length, other.posted.length], [0, 0]);
    await until(() => server.streams.length === 0);
  });

  test('T3 a server that names a second endpoint later is left', async () => {
    await using server = await openOldServer();
    await using upstream = open(server.url);
    const headers = await begin(upstream);
    const calling = upstream.send(post('legacy', call('tools/list'), { headers }));
    await until(() => server.posted.length === 3);
    server.streams[0]?.write('event: endpoint\ndata: /elsewhere\n\n');
    await assert.rejects(calling, { code: 'upstream_garbage' });
    assert.ok(server.posted.every(({ path }) => path.startsWith('/messages')));
  });

  test('T3 a stream that breaks fails its calls, and a new session has a new stream', async () => {
    await using server = await openOldServer();
    await using upstream = open(server.url);
    const headers = await begin(upstream);
    const calling = upstream.send(post('legacy', call('tools/list'), { headers }));
    await until(() => server.posted.length === 3);
    server.streams[0]?.destroy();
    await assert.rejects(calling, { code: 'upstream_failed' });
    await assert.rejects(upstream.send(post('legacy', call('tools/list'), { headers })), {
      code: 'session_unknown',
    });
    assert.notEqual((await begin(upstream))['mcp-session-id'], headers['mcp-session-id']);
  });

  test('T3 T4 a modern client does not notice that the stream of its session was lost between two calls', async () => {
    await using server = await openOldServer({
      take: (message, stream) => {
        if (message['id'] !== undefined) say(stream, { id: message['id'], result: { tools: [] } });
      },
    });
    const definition = readServerDefinition({ name: 'old', transport: 'sse', url: server.url });
    await using upstream = createUpstream(definition, {
      clock: systemClock,
      engine,
      identity: () => gateway,
      log: () => undefined,
    });
    const list = async (): Promise<unknown> =>
      (await jsonOf(await upstream.send(post('modern', call('tools/list')))))['result'];
    const listed = await list();
    assert.deepEqual((listed as { tools: unknown }).tools, []);
    server.streams[0]?.destroy();
    await until(() => upstream.health().state !== 'up');
    assert.deepEqual(await list(), listed);
    assert.equal(server.posted.filter(({ body }) => body['method'] === 'initialize').length, 2);
  });

  test('T3 a message that is not taken fails its own call; a server that lost the session ends it', async () => {
    let status = 413;
    await using server = await openOldServer({
      take: (message, stream, response) => {
        if (message['method'] === 'tools/list') response.writeHead(status).end();
        else if (message['method'] === 'prompts/list') say(stream, { id: message['id'] ?? null, result: {} });
      },
    });
    await using upstream = open(server.url);
    const headers = await begin(upstream);
    const send = (method: string): ReturnType<Upstream['send']> =>
      upstream.send(post('legacy', call(method), { headers }));
    const hanging = assert.rejects(send('tools/call'), { code: 'session_unknown' });
    await assert.rejects(send('tools/list'), { code: 'upstream_failed', message: /413/ });
    assert.equal((await send('prompts/list')).status, 200);
    status = 404;
    await assert.rejects(send('tools/list'), { code: 'session_unknown' });
    await hanging;
    await until(() => server.streams.length === 0);
  });

  test('T3 a notification that gets no answer ends the session, one that is refused does not', async () => {
    await using server = await openOldServer({
      take: (message, stream, response) => {
        if (message['method'] === 'notifications/refused') response.writeHead(400).end();
        else if (message['method'] === 'notifications/lost') response.destroy();
        else if (message['method'] === 'prompts/list') say(stream, { id: message['id'] ?? null, result: {} });
      },
    });
    await using upstream = open(server.url);
    const headers = await begin(upstream);
    const tell = async (method: string): Promise<number> =>
      (await upstream.send(post('legacy', { jsonrpc: '2.0', method }, { headers }))).status;
    assert.equal(await tell('notifications/refused'), 202);
    assert.equal((await upstream.send(post('legacy', call('prompts/list'), { headers }))).status, 200);
    const calling = assert.rejects(upstream.send(post('legacy', call('tools/call'), { headers })), {
      code: 'upstream_failed',
    });
    assert.equal(await tell('notifications/lost'), 202);
    await calling;
    await until(() => server.streams.length === 0);
  });

  const bad: readonly (readonly [string, Behaviour['open'], string])[] = [
    [
      'is no event stream',
      (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
      'upstream_garbage',
    ],
    ['is not found', (_, response) => response.writeHead(404).end(), 'upstream_failed'],
    [
      'is a redirect',
      (_, response) => response.writeHead(307, { location: '/other' }).end(),
      'upstream_failed',
    ],
    ['refuses our credentials', (_, response) => response.writeHead(401).end(), 'upstream_failed'],
    [
      'never names an endpoint',
      (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n'),
      'upstream_timeout',
    ],
    ['never begins', () => undefined, 'upstream_timeout'],
    [
      'ends at once',
      (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(),
      'upstream_failed',
    ],
    ['breaks off', (request) => request.socket.destroy(), 'upstream_failed'],
  ];
  for (const [how, behave, code] of bad) {
    test(`T3 a stream that ${how} is ${code}`, async () => {
      await using server = await openOldServer({ open: behave ?? (() => undefined) });
      await using upstream = open(server.url, { options: { limits: { handshakeMilliseconds: 200 } } });
      await assert.rejects(upstream.send(post('legacy', call('initialize'))), { code });
      assert.equal(upstream.health().state, 'down');
    });
  }

  test('T3 nothing that listens is unreachable', async () => {
    const server = await openOldServer();
    await server[Symbol.asyncDispose]();
    await using upstream = open(server.url);
    await assert.rejects(upstream.send(post('legacy', call('initialize'))), { code: 'upstream_unreachable' });
  });

  test('T6 an event over the cap, and a run of events that are not MCP, end the session', async () => {
    const limits = { messageBytes: 4_096, garbageLines: 3, backoffMilliseconds: 1 };
    await using server = await openOldServer();
    await using upstream = open(server.url, { options: { limits } });
    for (const [said, code] of [
      [`data: ${'x'.repeat(5_000)}`, 'upstream_too_large'],
      ['data: {}\n\ndata: no JSON\n\ndata: [1]\n\n', 'upstream_garbage'],
    ] as const) {
      await wait(10);
      const headers = await begin(upstream);
      const before = server.posted.length;
      const calling = upstream.send(post('legacy', call('tools/call'), { headers }));
      await until(() => server.posted.length > before);
      server.streams.at(-1)?.write(said);
      await assert.rejects(calling, { code });
    }
    assert.ok(upstream.lines.some((line) => line.includes('no JSON')));
  });

  test('T3 the streams of a caller end with its right, those of others stay; their number is capped', async () => {
    await using server = await openOldServer();
    await using upstream = open(server.url, { options: { limits: { streams: 2 } } });
    const caller = 'spiffe://example.internal/agent/other';
    await begin(upstream, { caller });
    const headers = await begin(upstream);
    const third = post('legacy', call('initialize'), { caller: 'spiffe://example.internal/agent/third' });
    await assert.rejects(upstream.send(third), { code: 'limit_reached' });
    const calling = upstream.send(post('legacy', call('tools/call'), { headers }));
    await until(() => server.posted.length === 4);
    await upstream.endCaller(post('legacy', {}).caller);
    await assert.rejects(calling, { code: 'upstream_failed' });
    await until(() => server.streams.length === 1);
  });
}
