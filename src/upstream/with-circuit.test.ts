import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { steppedClock, systemClock } from '../kernel/clock.ts';
import type { FaultCode } from '../kernel/fault-codes.ts';
import { Fault } from '../kernel/fault.ts';
import { createTransport } from './create-transport.ts';
import { post } from './inbound.fixture.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';
import { withCircuit } from './with-circuit.ts';

const limits = { failures: 3, openMilliseconds: 1_000, longestOpenMilliseconds: 8_000 };
const ask = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };

/** An upstream that does as told: a status, or the fault that it throws. */
function scripted(shared = true) {
  const clock = steppedClock(0);
  const lines: string[] = [];
  let next: number | Fault = 200;
  let asked = 0;
  const inner: Upstream = {
    name: 'files',
    async send() {
      asked += 1;
      if (next instanceof Fault) throw next;
      return { status: next, headers: {}, body: new Uint8Array() };
    },
    health: () => ({ state: 'up', detail: 'answering' }),
    endCaller: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const upstream = withCircuit(inner, { clock, limits, shared, log: (line) => lines.push(line) });
  const send = async (caller: string, outcome: number | FaultCode | Fault): Promise<string> => {
    next = typeof outcome === 'string' ? new Fault(outcome, 'the reason') : outcome;
    try {
      return String((await upstream.send(post('modern', ask, { caller }))).status);
    } catch (error) {
      return error instanceof Fault ? error.code : 'another';
    }
  };
  return { clock, lines, upstream, send, asked: () => asked };
}

test('T7 a server that cannot be reached is left alone for everybody, says when to come again, and is back when it answers', async () => {
  const { clock, lines, upstream, send, asked } = scripted();
  for (const caller of ['a', 'b', 'a']) await send(caller, 'upstream_unreachable');
  assert.equal(await send('c', 200), 'circuit_open');
  await assert.rejects(upstream.send(post('modern', ask)), { code: 'circuit_open', retryAfterSeconds: 1 });
  assert.equal(asked(), 3);
  assert.equal(upstream.health().state, 'down');
  assert.match(upstream.health().detail, /circuit open.*the reason/);
  assert.equal(upstream.health().circuit?.state, 'open');
  clock.advance(1_000);
  assert.equal(await send('c', 200), '200');
  assert.deepEqual(upstream.health(), {
    state: 'up',
    detail: 'answering',
    circuit: { state: 'closed', agents: 0 },
  });
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /left alone for 1 s: the reason/);
  assert.match(lines[1] ?? '', /answers again/);
});

test('T7 calls of one agent that fail stop that agent only: nobody can close a server to others', async () => {
  const { send } = scripted();
  for (let failure = 0; failure < 3; failure++) await send('bad', 'upstream_timeout');
  for (let tries = 0; tries < 50; tries++)
    assert.equal(await send('bad', 'upstream_timeout'), 'circuit_open');
  assert.equal(await send('good', 200), '200');
});

test('T7 calls of several agents that fail in a row stop all', async () => {
  const { send } = scripted();
  await send('a', 'upstream_timeout');
  await send('b', 503);
  await send('c', 'upstream_garbage');
  assert.equal(await send('d', 200), 'circuit_open');
});

test('T7 children of stdio servers are their callers’ own: one that fails stops nobody else', async () => {
  const { send } = scripted(false);
  for (const caller of ['a', 'b', 'c', 'a', 'b', 'a']) await send(caller, 'upstream_unreachable');
  assert.equal(await send('a', 200), 'circuit_open');
  assert.equal(await send('b', 200), '200');
  assert.equal(await send('d', 200), '200');
});

test('T7 what is no failure of the server opens nothing', async () => {
  const { send } = scripted();
  const backing = new Fault('upstream_unreachable', 'is tried again', { retryAfterMilliseconds: 1 });
  const innocent = [
    400,
    404,
    405,
    429,
    500,
    'unavailable',
    'session_unknown',
    'upstream_too_large',
    backing,
  ] as const;
  for (const outcome of innocent) {
    for (let time = 0; time < 5; time++) await send('a', outcome);
    assert.equal(await send('a', 200), '200', `after ${String(outcome)}`);
  }
});

test('T7 calls at the same time count as well: a burst of failures opens the circuit of its caller', async () => {
  const { send } = scripted();
  await Promise.all([1, 2, 3].map(() => send('a', 'upstream_timeout')));
  assert.equal(await send('a', 200), 'circuit_open');
});

test('T7 a real server that is gone is left alone, and used again once it is back', async () => {
  const server = createServer((_request, response) => {
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await using upstream = createTransport(
    {
      name: 'real',
      description: '',
      transport: 'http',
      era: 'legacy',
      url: `http://127.0.0.1:${port}/`,
      tls: { authority: null, presentCertificate: false, serverName: null },
      headers: {},
    },
    {
      clock: systemClock,
      identity: () => ({ certificate: '', key: '' }),
      log: () => undefined,
      limits: { circuit: { failures: 2, openMilliseconds: 200, longestOpenMilliseconds: 200 } },
    },
  );
  const send = async (): Promise<string> => {
    const request: UpstreamRequest = post('modern', ask);
    return await upstream.send(request).then(
      ({ status }) => String(status),
      (error: unknown) => (error instanceof Fault ? error.code : 'another'),
    );
  };
  assert.deepEqual(
    [await send(), await send(), await send()],
    ['upstream_unreachable', 'upstream_unreachable', 'circuit_open'],
  );
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.equal(await send(), '200');
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('T7 the timeouts of a definition are those of its server', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await using upstream = createTransport(
    {
      name: 'slow',
      description: '',
      transport: 'http',
      era: 'legacy',
      url: `http://127.0.0.1:${port}/`,
      tls: { authority: null, presentCertificate: false, serverName: null },
      headers: {},
      timeouts: { answerMilliseconds: 150 },
    },
    { clock: systemClock, identity: () => ({ certificate: '', key: '' }), log: () => undefined },
  );
  const began = performance.now();
  await assert.rejects(upstream.send(post('modern', ask)), { code: 'upstream_timeout' });
  assert.ok(performance.now() - began < 5_000);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('T7 the persons that one agent acts for count as that agent: they cannot close a server to others', async () => {
  const { upstream, send } = scripted();
  for (const person of ['alice', 'bob', 'carol', 'dan'])
    await send(`a ["https://sso.example","${person}"]`, 'upstream_timeout');
  assert.equal(await send('b', 200), '200');
  assert.equal(upstream.health().circuit?.state, 'closed');
});
