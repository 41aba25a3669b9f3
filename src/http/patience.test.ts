import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { systemClock } from '../kernel/clock.ts';
import { toFault } from '../kernel/fault.ts';
import type { Exchange, Listener } from './exchange.ts';
import type { HttpEngine } from './http-engine.ts';
import { listen } from './listen.ts';
import { createFixtureAuthority, fixtureMaterial } from './tls.fixture.ts';

const authority = createFixtureAuthority('Test Root');
const mebibyte = 1024 * 1024;
/** More than what sockets and the kernel keep on their way. */
const large = Buffer.alloc(48 * mebibyte, 0x78);

for (const engine of ['wire', 'node'] as const)
  describe(`the patience of a listener with the ${engine} engine`, () => specify(engine));

function specify(engine: HttpEngine): void {
  test('T7 a peer that reads nothing of a large answer is cut off in time, and whoever answers learns of it', async () => {
    const { listener, ended } = await open(engine, (exchange) => exchange.respond(200, {}, large));
    await using _ = listener;
    const socket = await ask(listener);
    socket.pause();
    const began = performance.now();
    assert.equal(await ended, 'timed_out');
    const waited = performance.now() - began;
    assert.ok(waited > 300 && waited < 3_000, `${waited} ms`);
    await until(() => [...listener.connections()].length === 0);
    socket.destroy();
  });

  test('T7 a peer that reads slowly but steadily gets the whole answer', async () => {
    const { listener, ended } = await open(engine, (exchange) => exchange.respond(200, {}, large));
    await using _ = listener;
    const socket = await ask(listener);
    let octets = 0;
    // 4 MiB at a time, with pauses that together are longer than the patience.
    let mark = 4 * mebibyte;
    socket.on('data', (chunk: Buffer) => {
      octets += chunk.length;
      if (octets < mark) return;
      mark += 4 * mebibyte;
      socket.pause();
      setTimeout(() => socket.resume(), 100);
    });
    await until(() => octets > large.length);
    assert.equal(await ended, 'well');
    socket.destroy();
  });

  test('T7 a stream nobody reads holds no more than a little memory and is cut off in time', async () => {
    let written = 0;
    const piece = Buffer.alloc(64 * 1024, 0x78);
    const { listener, ended } = await open(engine, async (exchange) => {
      const stream = exchange.stream(200, {});
      for (;;) {
        await stream.write(piece);
        written += piece.length;
      }
    });
    await using _ = listener;
    const socket = await ask(listener);
    socket.pause();
    assert.equal(await ended, 'timed_out');
    assert.ok(written < 24 * mebibyte, `${written} octets were taken for a peer that reads nothing`);
    await until(() => [...listener.connections()].length === 0);
    socket.destroy();
  });

  test('T7 a stream that says nothing ends properly for its reader, and is over for its writer', async () => {
    const left: string[] = [];
    const { listener, ended } = await open(engine, async (exchange) => {
      const stream = exchange.stream(200, {});
      await stream.write('first');
      await new Promise((resolve) => exchange.closed.addEventListener('abort', resolve));
      left.push(toFault(exchange.closed.reason).code);
      await stream.write('too late');
    });
    await using _ = listener;
    const socket = await ask(listener);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    assert.equal(await ended, 'timed_out');
    assert.deepEqual(left, ['timed_out']);
    await until(() => text.endsWith('5\r\nfirst\r\n0\r\n\r\n'));
    socket.destroy();
  });

  test('T7 a stream that says something now and then goes on', async () => {
    const { listener, ended } = await open(engine, async (exchange) => {
      const stream = exchange.stream(200, {});
      for (let word = 0; word < 12; word++) {
        await stream.write('word ');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await stream.end();
    });
    await using _ = listener;
    const socket = await ask(listener);
    socket.resume();
    assert.equal(await ended, 'well');
    socket.destroy();
  });

  test('T7 a connection that rests reads its next request later, and others do not wait', async () => {
    const { listener } = await open(engine, async (exchange) => {
      if (exchange.path === '/rest') exchange.connection.rest(400);
      await exchange.respond(200, {}, exchange.path);
    });
    await using _ = listener;
    const [resting, other] = [await ask(listener, '', '/rest'), await ask(listener)];
    await heard(resting, '/rest');
    await heard(other, '/');
    const began = performance.now();
    resting.write(request('', '/next'));
    other.write(request('', '/other'));
    await heard(other, '/other');
    const others = performance.now() - began;
    await heard(resting, '/next');
    const rested = performance.now() - began;
    assert.ok(others < 300, `the other waited ${others} ms`);
    assert.ok(rested > 350 && rested < 3_000, `the resting one waited ${rested} ms`);
    resting.write(request('', '/again'));
    await heard(resting, '/again');
    resting.destroy();
    other.destroy();
  });

  // The reference ends such a connection, which RFC 9112 §9.6 allows.
  if (engine === 'node') return;
  test('T7 a request that is refused before its body is read keeps its connection, once the body has come', async () => {
    const { listener } = await open(engine, (exchange) => exchange.respond(429, {}, exchange.path));
    await using _ = listener;
    const socket = await ask(listener, 'content-length: 4\r\n', '/one', 'body');
    await heard(socket, '/one');
    socket.write(request('content-length: 4\r\n', '/two', 'body'));
    await heard(socket, '/two');
    socket.destroy();
  });
}

/** A listener of little patience; `ended` says how its first exchange did. */
async function open(
  engine: HttpEngine,
  handle: (exchange: Exchange) => Promise<void>,
): Promise<{ readonly listener: Listener; readonly ended: Promise<string> }> {
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const listener = await listen({
    name: 'test',
    host: '127.0.0.1',
    port: 0,
    tls: {
      material: fixtureMaterial(authority),
      clientCertificate: 'never',
      minimumVersion: 'TLSv1.3',
    },
    hosts: [],
    origins: [],
    clock: systemClock,
    engine,
    patience: { stallMilliseconds: 500, silentMilliseconds: 700 },
    handle: async (exchange) => {
      try {
        await handle(exchange);
        resolve('well');
      } catch (error) {
        resolve(toFault(error).code);
        throw error;
      }
    },
  });
  return { listener, ended };
}

function request(fields: string, path: string, body = ''): string {
  return `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${fields}\r\n${body}`;
}

async function ask(listener: Listener, fields = '', path = '/', body = ''): Promise<TLSSocket> {
  const socket = connect({
    port: listener.port,
    host: '127.0.0.1',
    ca: authority.certificate,
    servername: 'localhost',
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  socket.write(request(fields, path, body));
  return socket;
}

/** Waits for an answer whose body is that text. */
async function heard(socket: TLSSocket, body: string): Promise<void> {
  let text = '';
  while (!text.endsWith(`\r\n\r\n${body}`)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString();
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 1_000; waited++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('what was waited for did not come');
}
