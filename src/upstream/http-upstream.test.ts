import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Exchange, Listener } from '../http/exchange.ts';
import type { HttpEngine } from '../http/http-engine.ts';
import { listen } from '../http/listen.ts';
import { createFixtureAuthority, fixtureMaterial } from '../http/tls.fixture.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { systemClock } from '../kernel/clock.ts';
import { createTransport, type TransportOptions } from './create-transport.ts';
import { eventReader, jsonOf, post, textOf } from './inbound.fixture.ts';
import type { HttpServerDefinition } from './server-definition.ts';
import type { Upstream } from './upstream.ts';

const authority = createFixtureAuthority('Test Root');
const gateway = authority.issue({ commonName: 'gateway', purpose: 'client' });
const ask: JsonObject = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };

async function serve(handle: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp?x=1`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function openUpstream(
  engine: HttpEngine,
  url: string,
  more: Partial<HttpServerDefinition> & { options?: Partial<TransportOptions> } = {},
): Upstream & { readonly lines: string[] } {
  const { options, ...rest } = more;
  const lines: string[] = [];
  const tls = { authority: null, presentCertificate: false, serverName: null };
  const upstream = createTransport(
    { name: 'test', description: '', transport: 'http', era: 'auto', url, tls, headers: {}, ...rest },
    { clock: systemClock, engine, identity: () => gateway, log: (line) => lines.push(line), ...options },
  );
  return Object.assign(upstream, { lines });
}

function json(response: {
  writeHead: (status: number, headers: Record<string, string>) => { end(text: string): void };
}): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,"result":{}}');
}

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'countersign-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

for (const engine of ['wire', 'node'] as const)
  describe(`an HTTP upstream with the ${engine} engine`, () => specify(engine));

function specify(engine: HttpEngine): void {
  const open = (
    url: string,
    more: Parameters<typeof openUpstream>[2] = {},
  ): ReturnType<typeof openUpstream> => openUpstream(engine, url, more);

  test('T3 sends the permitted octets to the URL and hands the answer on', async () => {
    let seen: unknown = null;
    await using server = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        seen = [request.method, request.url, JSON.parse(Buffer.concat(chunks).toString())];
        json(response);
      });
    });
    await using upstream = open(server.url);
    assert.equal(upstream.health().state, 'idle');
    assert.deepEqual(await jsonOf(await upstream.send(post('modern', ask))), {
      jsonrpc: '2.0',
      id: 1,
      result: {},
    });
    assert.deepEqual(seen, ['POST', '/mcp?x=1', ask]);
    assert.equal(upstream.health().state, 'up');
  });

  test('T3 an answer without content is one, also when its length is not said', async () => {
    await using server = await serve((_request, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' }).end();
    });
    await using upstream = open(server.url);
    const ending = { method: 'DELETE', headers: {}, inbound: null, caller: 'spiffe://x/agent/a' } as const;
    const { status, body } = await upstream.send({ ...ending, signal: new AbortController().signal });
    assert.deepEqual([status, body], [200, new Uint8Array()]);
  });

  test('T3 a success with content that is neither JSON nor an event stream is garbage', async () => {
    await using server = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello');
    });
    await using upstream = open(server.url);
    await assert.rejects(upstream.send(post('modern', ask)), { code: 'upstream_garbage' });
  });

  test('law 3 the server sees our credential, and no header of the caller can take its place', async () => {
    let seen: IncomingHttpHeaders = {};
    await using server = await serve((request, response) => {
      seen = request.headers;
      json(response);
    });
    await using upstream = open(server.url, {
      headers: { Authorization: 'env:TOKEN', 'X-Plain': 'plain' },
      options: { environment: { TOKEN: 'Bearer ours' } },
    });
    const headers = {
      accept: 'application/json',
      'mcp-session-id': 's',
      authorization: 'Bearer caller',
      'x-plain': 'caller',
      'x-upstream-authorization': 'caller',
      cookie: 'caller',
    };
    await textOf(await upstream.send(post('modern', ask, { headers })));
    assert.equal(seen['authorization'], 'Bearer ours');
    assert.equal(seen['x-plain'], 'plain');
    assert.equal(seen['mcp-session-id'], 's');
    assert.ok(!JSON.stringify(seen).includes('caller'));
  });

  test('a secret that cannot be resolved sends nothing', async () => {
    let asked = false;
    await using server = await serve((_request, response) => {
      asked = true;
      json(response);
    });
    for (const [environment, reference] of [
      [{}, 'env:TOKEN'],
      [{ TOKEN: 'a\nb: c' }, 'env:TOKEN'],
    ] as const) {
      await using upstream = open(server.url, {
        headers: { Authorization: reference },
        options: { environment },
      });
      await assert.rejects(upstream.send(post('modern', ask)), { code: 'secret_unresolved' });
    }
    assert.equal(asked, false);
  });

  test('only the headers that MCP needs come back', async () => {
    await using server = await serve((_request, response) => {
      const headers = { 'set-cookie': 'a=b', 'x-internal': '1', 'mcp-session-id': 's', 'retry-after': '3' };
      response.writeHead(200, { ...headers, 'content-type': 'application/json' }).end('{}');
    });
    await using upstream = open(server.url);
    const { headers } = await upstream.send(post('legacy', ask));
    assert.deepEqual(headers, {
      'content-type': 'application/json',
      'mcp-session-id': 's',
      'retry-after': '3',
    });
  });

  test('never follows a redirect, and keeps a refusal of our credentials from the caller', async () => {
    for (const status of [301, 302, 307, 308, 401, 407]) {
      await using server = await serve((_request, response) =>
        response.writeHead(status, { location: '/x' }).end(),
      );
      await using upstream = open(server.url);
      await assert.rejects(upstream.send(post('modern', ask)), { code: 'upstream_failed' }, String(status));
    }
  });

  test('what is not MCP is garbage, a refusal keeps its status, a failing server has failed', async () => {
    const html = { 'content-type': 'text/html' };
    for (const [status, outcome] of [
      [200, 'upstream_garbage'],
      [503, 'upstream_failed'],
      [404, 404],
    ] as const) {
      await using server = await serve((_request, response) =>
        response.writeHead(status, html).end('<html>'),
      );
      await using upstream = open(server.url);
      const sending = upstream.send(post('legacy', ask));
      if (typeof outcome === 'string') {
        await assert.rejects(sending, { code: outcome });
        continue;
      }
      const response = await sending;
      assert.equal(response.status, outcome);
      assert.equal(await textOf(response), '');
      assert.equal(response.headers['content-type'], undefined);
    }
  });

  test('an answer that is not HTTP is garbage', async () => {
    await using server = await serve((request) => request.socket.end('SSH-2.0-OpenSSH\r\n\r\n'));
    await using upstream = open(server.url);
    await assert.rejects(upstream.send(post('modern', ask)), { code: 'upstream_garbage' });
  });

  test('T6 an answer that says one thing twice is garbage', async () => {
    for (const twice of ['Content-Type: text/event-stream', 'Mcp-Session-Id: a\r\nMcp-Session-Id: b']) {
      const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${twice}\r\nContent-Length: 2\r\n\r\n{}`;
      await using server = await serve((request) => request.socket.end(head));
      await using upstream = open(server.url);
      await assert.rejects(upstream.send(post('modern', ask)), { code: 'upstream_garbage' }, twice);
    }
  });

  test('a server that is not there is unreachable and down', async () => {
    const gone = await serve(() => undefined);
    await gone[Symbol.asyncDispose]();
    await using upstream = open(gone.url);
    await assert.rejects(upstream.send(post('modern', ask)), { code: 'upstream_unreachable' });
    assert.equal(upstream.health().state, 'down');
    assert.equal(upstream.lines.length, 1);
  });

  test('a server that hangs is given up, before its answer and in the middle of it', async () => {
    await using server = await serve((request, response) => {
      if (request.headers['mcp-name'] === 'begin') {
        response.writeHead(200, { 'content-type': 'application/json' }).write('{');
      }
    });
    await using upstream = open(server.url, {
      options: { limits: { answerMilliseconds: 50, idleMilliseconds: 50 } },
    });
    await assert.rejects(upstream.send(post('modern', ask)), { code: 'upstream_timeout' });
    const begun = upstream.send(post('modern', ask, { headers: { 'mcp-name': 'begin' } }));
    await assert.rejects(begun, { code: 'upstream_timeout' });
  });

  test('a server that dies in the middle of its answer has failed', async () => {
    await using server = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n');
      setImmediate(() => response.destroy());
    });
    await using upstream = open(server.url);
    await assert.rejects(textOf(await upstream.send(post('modern', ask))), { code: 'upstream_failed' });
  });

  test('an answer of 100 MB is cut at the limit, in JSON and in one event of a stream', async () => {
    for (const type of ['application/json', 'text/event-stream']) {
      let sent = 0;
      await using server = await serve((_request, response) => {
        response.writeHead(200, { 'content-type': type });
        const push = (): void => {
          if (response.destroyed || sent > 100e6) return;
          sent += 65_536;
          response.write(Buffer.alloc(65_536, 'x'), () => setImmediate(push));
        };
        push();
      });
      await using upstream = open(server.url, { options: { limits: { messageBytes: 1e6 } } });
      await assert.rejects(
        async () => textOf(await upstream.send(post('modern', ask))),
        { code: 'upstream_too_large' },
        type,
      );
      assert.ok(sent < 50e6);
    }
  });

  test('an event stream may be longer than the limit of one message, however its lines end', async () => {
    const events = ['\n', '\r\n', '\r'].flatMap((end) =>
      Array.from({ length: 40 }, () => `data: x${end}${end}`),
    );
    await using server = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of events) for (const octet of event) response.write(octet);
      response.end();
    });
    await using upstream = open(server.url, { options: { limits: { messageBytes: 20 } } });
    assert.equal(await textOf(await upstream.send(post('modern', ask))), events.join(''));
  });

  test('T3 the caller going away ends the exchange with the server at once', async () => {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    await using server = await serve((_request, response) => {
      response.on('close', () => resolve());
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    });
    await using upstream = open(server.url);
    const leaving = new AbortController();
    const events = eventReader(await upstream.send(post('modern', ask, { signal: leaving.signal })));
    assert.equal(await events.next(), 1);
    leaving.abort();
    await ended;
    await assert.rejects(events.next(), { code: 'unavailable' });
  });

  test('leaving the answer early ends the exchange with the server', async () => {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    await using server = await serve((_request, response) => {
      response.on('close', () => resolve());
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    });
    await using upstream = open(server.url);
    const events = eventReader(await upstream.send(post('modern', ask)));
    await events.next();
    await events.leave();
    await ended;
  });

  test('ending a caller cuts its streams and ends its sessions at the server', async () => {
    const deleted: unknown[] = [];
    await using server = await serve((request, response) => {
      if (request.method === 'DELETE') deleted.push(request.headers['mcp-session-id']);
      if (request.method !== 'GET') {
        response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's1' }).end('{}');
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    });
    await using upstream = open(server.url);
    await textOf(await upstream.send(post('legacy', ask)));
    const get = { ...post('legacy', ask), method: 'GET', inbound: null } as const;
    const mine = eventReader(await upstream.send(get));
    const other = eventReader(await upstream.send({ ...get, caller: 'other' }));
    await mine.next();
    await other.next();
    await upstream.endCaller(get.caller);
    await assert.rejects(mine.next(), { code: 'unavailable' });
    assert.deepEqual(deleted, ['s1']);
    await other.leave();
  });

  function secure(clientNames: string[], material = fixtureMaterial(authority, 'server')): Promise<Listener> {
    return listen({
      name: 'server',
      host: '127.0.0.1',
      port: 0,
      tls: { material, clientCertificate: 'required', minimumVersion: 'TLSv1.3' },
      hosts: [],
      origins: [],
      handle: async (exchange: Exchange) => {
        clientNames.push(
          Buffer.from(exchange.connection.certificate ?? [])
            .toString('base64')
            .slice(0, 80),
        );
        await exchange.body({ bytes: 1e6, milliseconds: 1000 });
        await exchange.respond(200, { 'content-type': 'application/json' }, '{}');
      },
      clock: systemClock,
    });
  }

  test('presents the gateway’s certificate over mutual TLS, and a renewed one from then on', async () => {
    await using place = await folder();
    const path = join(place.path, 'ca.pem');
    await writeFile(path, authority.certificate);
    const seen: string[] = [];
    await using server = await secure(seen);
    let identity = gateway;
    await using upstream = open(server.url, {
      tls: { authority: path, presentCertificate: true, serverName: 'localhost' },
      options: { identity: () => identity },
    });
    await textOf(await upstream.send(post('modern', ask)));
    await textOf(await upstream.send(post('modern', ask)));
    identity = authority.issue({ commonName: 'gateway-renewed', purpose: 'client' });
    await textOf(await upstream.send(post('modern', ask)));
    assert.equal(seen[0], seen[1]);
    assert.notEqual(seen[1], seen[2]);
  });

  test('refuses a server of another authority or name; trap certificate read once at boot: a mended authority is seen', async () => {
    await using place = await folder();
    const path = join(place.path, 'ca.pem');
    await writeFile(path, createFixtureAuthority('Other Root').certificate);
    await using server = await secure([]);
    const tls = { authority: path, presentCertificate: true, serverName: 'localhost' };
    await using upstream = open(server.url, { tls });
    await assert.rejects(upstream.send(post('modern', ask)), { code: 'upstream_unreachable' });
    await writeFile(path, authority.certificate);
    assert.equal((await upstream.send(post('modern', ask))).status, 200);
    await using misnamed = open(server.url, { tls: { ...tls, serverName: 'other.example' } });
    await assert.rejects(misnamed.send(post('modern', ask)), { code: 'upstream_unreachable' });
    await using missing = open(server.url, { tls: { ...tls, authority: join(place.path, 'missing.pem') } });
    await assert.rejects(missing.send(post('modern', ask)), { code: 'upstream_unreachable' });
  });
}
