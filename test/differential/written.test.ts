import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createConnection } from '../../src/http/connection.ts';
import { Deadlines } from '../../src/http/deadlines.ts';
import { defaultPatience, type Door, type ServedExchange } from '../../src/http/engine.ts';
import { WireConnection } from '../../src/http/wire-connection.ts';
import { WireOutlet } from '../../src/http/wire-outlet.ts';
import { WireSending } from '../../src/http/wire-sending.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { NodeReading } from './node-reading.ts';
import { StubSocket } from './stub-socket.ts';
import { WireRequests } from './wire-requests.ts';

const time = { clock: systemClock, deadlines: new Deadlines(systemClock) };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const letters = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz-_.'.split(''));
const visible = fc.constantFrom(...Array.from({ length: 94 }, (_, at) => String.fromCharCode(0x21 + at)));
const name = fc.string({ unit: letters, minLength: 1, maxLength: 12 }).map((text) => `x-${text}`);
const value = fc
  .string({ unit: fc.oneof(visible, fc.constant(' ')), maxLength: 30 })
  .map((text) => text.trim());
const headers = fc.dictionary(name, value, { maxKeys: 6 });
const target = fc.string({ unit: visible, maxLength: 30 }).map((text) => `/${text.replaceAll('#', '')}`);
const body = fc.option(fc.uint8Array({ maxLength: 200 }));

function sendingOf(request: {
  method: string;
  target: string;
  headers: Record<string, string>;
  body: Uint8Array | null;
}): WireSending {
  const patient = { answerMilliseconds: 0, idleMilliseconds: 0 };
  return new WireSending({ ...request, ...patient }, new AbortController().signal, time);
}

describe('T6 what we write', () => {
  test('a request is read by node:http and by us as the one that was to be sent, to its last octet', async () => {
    const method = fc.constantFrom('GET', 'POST', 'DELETE');
    await fc.assert(
      fc.asyncProperty(method, target, headers, body, async (verb, path, fields, octets) => {
        const socket = new StubSocket();
        const outlet = new WireOutlet(socket.asSocket, 'localhost:1', () => undefined);
        const sending = sendingOf({ method: verb, target: path, headers: fields, body: octets });
        sending.answer.catch(() => undefined);
        outlet.carry(sending);
        const written = Buffer.from(socket.written, 'latin1');
        const node = new NodeReading('requests');
        const ours = new WireRequests();
        node.feed(written);
        ours.feed(written);
        await turn();
        const [read, ...more] = node.messages;
        assert.ok(read?.complete && more.length === 0 && node.error === null, JSON.stringify(socket.written));
        assert.deepEqual(ours.messages, [
          { start: read.start, fields: read.fields, body: read.body, complete: true },
        ]);
        assert.equal(read.body, Buffer.from(octets ?? []).toString('latin1'));
        for (const [field, text] of Object.entries(fields))
          assert.ok(read.fields.includes(`${field}: ${text}\n`));
        ours.leave();
        outlet.destroy();
      }),
      { numRuns: 300 },
    );
  });

  for (const [what, change] of Object.entries({
    'a target with a line end': { target: '/a HTTP/1.1\r\nx: y' },
    'a target with a space': { target: '/a b' },
    'a target that is no path': { target: 'http://elsewhere/' },
    'a target beyond ASCII': { target: '/\xe9' },
    'a method with a space': { method: 'GET /a' },
    'a header value with a line end': { headers: { x: 'a\r\nContent-Length: 5' } },
    'a header name with a line end': { headers: { 'x\r\ny': 'a' } },
    'a length of its own': { headers: { 'Content-Length': '5' } },
    'a coding of its own': { headers: { 'transfer-encoding': 'chunked' } },
    'a host of its own': { headers: { host: 'elsewhere' } },
  })) {
    test(`a request with ${what} fails and not an octet of it is sent`, async () => {
      const socket = new StubSocket();
      let free = 0;
      const outlet = new WireOutlet(socket.asSocket, 'localhost', () => (free += 1));
      const sending = sendingOf({ method: 'POST', target: '/', headers: {}, body: null, ...change });
      outlet.carry(sending);
      await assert.rejects(sending.answer, TypeError);
      assert.equal(socket.written, '');
      assert.equal(free, 0);
      assert.equal(socket.destroyed, true);
    });
  }

  test('an answer, whole or in pieces, is read by node:http as the one that was to be sent', async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 4 });
    const status = fc.constantFrom(200, 202, 204, 400, 404, 500);
    await fc.assert(
      fc.asyncProperty(status, headers, pieces, fc.boolean(), async (code, fields, parts, streamed) => {
        const { socket, settled } = serveOnce(async (exchange) => {
          if (!streamed || code === 204) return await exchange.respond(code, fields, Buffer.concat(parts));
          const stream = exchange.stream(code, fields);
          for (const part of parts) await stream.write(part);
          await stream.end();
        });
        await settled;
        const node = new NodeReading('responses');
        node.feed(Buffer.from(socket.written, 'latin1'));
        const [read, ...more] = node.messages;
        assert.ok(read?.complete && more.length === 0 && node.error === null, JSON.stringify(socket.written));
        assert.equal(read.start, String(code));
        assert.equal(read.body, code === 204 ? '' : Buffer.concat(parts).toString('latin1'));
        for (const [field, text] of Object.entries(fields))
          assert.ok(read.fields.includes(`${field}: ${text}\n`));
        socket.destroy();
      }),
      { numRuns: 300 },
    );
  });

  for (const [what, fields] of Object.entries({
    'a value with a line end': { x: 'a\r\nset-cookie: b' },
    'a value beyond Latin-1': { x: 'a\u0100' },
    'a name that is no token': { 'x y': 'a' },
  })) {
    test(`an answer whose header has ${what} is not begun`, async () => {
      const { socket, settled } = serveOnce((exchange) => exchange.respond(200, fields, 'x'));
      await assert.rejects(settled, TypeError);
      assert.equal(socket.written, '');
      socket.destroy();
    });
  }
});

/** One request, and the handler that answers it. */
function serveOnce(handle: (exchange: ServedExchange) => Promise<void>): {
  readonly socket: StubSocket;
  readonly settled: Promise<void>;
} {
  const socket = new StubSocket();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const door: Door = {
    clock: systemClock,
    date: () => 'Wed, 25 Nov 2026 12:00:00 GMT',
    extraHeaders: {},
    patience: defaultPatience,
    closing: () => false,
    closed: () => false,
    async serve(exchange) {
      try {
        await handle(exchange);
        resolve();
      } catch (error) {
        reject(error);
      }
    },
    refused: () => undefined,
  };
  const connection = new WireConnection(socket.asSocket, createConnection(socket.asSocket), door);
  connection.socket.emit('data', Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'));
  return { socket, settled: promise };
}
