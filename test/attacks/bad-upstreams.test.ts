import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { openTown, type Town, until } from '../journeys/deployment.ts';
import { mutualFetch } from '../journeys/mcp-clients.ts';

const message = '{"jsonrpc":"2.0","id":7,"result":{"content":[]}}';
const hundredMegabytes = 100 * 1024 * 1024;

type Misbehave = (response: ServerResponse, request: IncomingMessage) => void;

async function fill(response: ServerResponse, open: string, size: number): Promise<void> {
  response.write(open);
  const piece = Buffer.alloc(256 * 1024, 0x61);
  const gone = once(response, 'close');
  for (let sent = 0; sent < size && !response.destroyed; sent += piece.length) {
    if (!response.write(piece)) await Promise.race([gone, once(response, 'drain')]);
  }
  response.end();
}

const json = { 'content-type': 'application/json' };
const events = { 'content-type': 'text/event-stream' };

/** What a server behind us may do to us: how the caller sees it end, and what the log says. */
const servers: Readonly<
  Record<string, { readonly does: Misbehave; readonly status: number | 'broken'; readonly code: string }>
> = {
  'dies before it answers': {
    does: (response) => void response.destroy(),
    status: 502,
    code: 'upstream_failed',
  },
  'dies in the middle of JSON': {
    does(response) {
      response.writeHead(200, { ...json, 'content-length': '1000' });
      response.write('{"jsonrpc":');
      setTimeout(() => response.destroy(), 20);
    },
    status: 502,
    code: 'upstream_failed',
  },
  'dies in the middle of a stream': {
    does(response) {
      response.writeHead(200, events);
      response.write('data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n');
      setTimeout(() => response.destroy(), 20);
    },
    status: 'broken',
    code: 'upstream_failed',
  },
  'answers with a web page': {
    does(response) {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<h1>hello</h1>');
    },
    status: 502,
    code: 'upstream_garbage',
  },
  'answers 100 MB of JSON': {
    does(response) {
      response.writeHead(200, json);
      void fill(response, '{"jsonrpc":"2.0","id":7,"result":"', hundredMegabytes);
    },
    status: 502,
    code: 'upstream_too_large',
  },
  'sends one event of 100 MB': {
    does(response) {
      response.writeHead(200, events);
      void fill(response, 'data: ', hundredMegabytes);
    },
    status: 'broken',
    code: 'upstream_too_large',
  },
  'calls its session what no header can bring back': {
    does(response) {
      response.writeHead(200, { ...json, 'mcp-session-id': 'x'.repeat(3_001) });
      response.end(message);
    },
    status: 502,
    code: 'upstream_too_large',
  },
  'calls the session of a stream what no header can bring back': {
    does(response) {
      response.writeHead(200, { ...events, 'mcp-session-id': 'x'.repeat(3_001) });
      response.write(`data: ${message}\n\n`);
    },
    status: 502,
    code: 'upstream_too_large',
  },
  'redirects to somewhere else': {
    does(response) {
      response.writeHead(307, { location: 'http://127.0.0.1:9/' });
      response.end();
    },
    status: 502,
    code: 'upstream_failed',
  },
};

describe('T3 bad servers behind the gateway: the caller is told, the log says it, and the next call works', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let fetch: ReturnType<typeof mutualFetch>;
  let misbehave: Misbehave = () => undefined;

  before(async () => {
    const server = createServer((request, response) => {
      request.resume().once('end', () => misbehave(response, request));
    });
    const garbage = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write('SSH-2.0-OpenSSH_9.9\r\n\r\n'));
    });
    town = opened.use(await openTown({ concurrentPerAgent: 2 }));
    await town.addHttpServer('bad', await listening(server, opened));
    await town.addHttpServer('garbage', await listening(garbage, opened));
    await town.addAgent('ci-bot');
    await town.permit('permit (principal, action, resource);');
    fetch = opened.use(mutualFetch(await town.issue('ci-bot')));
  });
  after(() => opened.disposeAsync());

  const call = (server: string, method = 'tools/call', signal?: AbortSignal): Promise<Response> =>
    fetch(town.endpoint(server), {
      method: 'POST',
      headers: {
        ...json,
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params: { name: 'echo' } }),
      ...(signal && { signal }),
    });
  const lastOutcome = async (): Promise<unknown> => {
    let code: unknown;
    await until(
      () => code !== undefined,
      async () => {
        const last = (await town.events()).findLast(({ type }) => type.startsWith('call.'));
        code = last?.type === 'call.failed' ? last['code'] : undefined;
      },
    );
    return code;
  };
  const works = async (): Promise<void> => {
    misbehave = (response) => void response.writeHead(200, json).end(message);
    const answer = await call('bad');
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), message);
    await until(() => town.gateway.liveCalls() === 0);
  };

  for (const [what, { does, status, code }] of Object.entries(servers)) {
    test(`a server that ${what}`, async () => {
      misbehave = does;
      const answer = await call('bad');
      if (status === 'broken') {
        assert.equal(answer.status, 200);
        await assert.rejects(answer.text(), 'an answer that is not complete does not end as if it were');
      } else {
        assert.equal(answer.status, status);
        const { id, error } = (await answer.json()) as { id: number; error: { data: { code: string } } };
        assert.equal(id, 7);
        assert.equal(error.data.code, code);
      }
      assert.equal(await lastOutcome(), code);
      await works();
    });
  }

  test('a server that does not speak HTTP', async () => {
    const answer = await call('garbage');
    assert.equal(answer.status, 502);
    assert.equal(await lastOutcome(), 'upstream_garbage');
  });

  test('a list that is not JSON is not passed on unfiltered', async () => {
    misbehave = (response) =>
      void response.writeHead(200, json).end('{"jsonrpc":"2.0","id":7,"result":{"tools":[{');
    const answer = await call('bad', 'tools/list');
    assert.equal(answer.status, 502);
    assert.equal(await lastOutcome(), 'upstream_garbage');
    await works();
  });

  test('a server that hangs holds its caller’s place and nobody else’s; the caller leaving frees it', async () => {
    let left = 0;
    misbehave = (response) => void response.once('close', () => (left += 1));
    const stop = new AbortController();
    const hanging = [call('bad', 'tools/call', stop.signal), call('bad', 'tools/call', stop.signal)];
    await until(() => town.gateway.liveCalls() === 2);
    const third = await call('bad');
    assert.equal(third.status, 429);
    await town.addAgent('other-bot');
    await using others = mutualFetch(await town.issue('other-bot'));
    const other = await others(town.endpoint('garbage'), {
      method: 'POST',
      headers: { ...json, accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    });
    assert.equal(other.status, 502);
    stop.abort();
    await Promise.all(hanging.map((one) => assert.rejects(one)));
    await until(() => left === 2 && town.gateway.liveCalls() === 0);
    await works();
  });
});

async function listening(server: Server, opened: AsyncDisposableStack): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  opened.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}
