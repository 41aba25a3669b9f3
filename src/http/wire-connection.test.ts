import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { createConnection } from './connection.ts';
import { type Door, headMilliseconds, keepAliveMilliseconds } from './engine.ts';
import { WireConnection } from './wire-connection.ts';

test('T7 an answer that ends its connection is not kept for a peer that does not read it', async () => {
  const clock = steppedClock(0);
  const stuck = socketThatTakesNothing();
  const door: Door = {
    clock,
    date: () => 'Wed, 25 Nov 2026 12:00:00 GMT',
    extraHeaders: {},
    patience: { stallMilliseconds: 1_000, silentMilliseconds: 1_000 },
    closing: () => false,
    closed: () => false,
    serve: (exchange) => exchange.respond(200, {}, 'a small answer'),
    refused: () => undefined,
  };
  const connection = new WireConnection(stuck, createConnection(stuck), door);
  stuck.push('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(stuck.writableEnded && !stuck.destroyed, 'the answer waits for its reader');
  clock.advance(999);
  connection.expire(clock.monotonic());
  assert.equal(stuck.destroyed, false);
  clock.advance(1);
  connection.expire(clock.monotonic());
  assert.equal(stuck.destroyed, true);
});

test('T7 a head that trickles is answered with 408 when its time is over, however steadily it comes (trap: slowloris)', async () => {
  const clock = steppedClock(0);
  const { socket, written } = socketThatTakesAll();
  const refusals: string[] = [];
  const connection = new WireConnection(socket, createConnection(socket), doorOf(clock, refusals));
  const head = `POST / HTTP/1.1\r\nx: ${'y'.repeat(200)}`;
  for (let at = 0; at < head.length; at++) {
    socket.push(head[at]);
    await turn();
    connection.expire(clock.monotonic());
    assert.deepEqual(refusals, []);
    clock.advance((headMilliseconds - 1) / head.length);
  }
  clock.advance(1);
  connection.expire(clock.monotonic());
  assert.deepEqual(refusals, ['the header section was not complete in time']);
  assert.match(written(), /^HTTP\/1\.1 408 /);
  assert.equal(socket.writableEnded, true);
  // What still comes is nobody's.
  socket.push('\r\n\r\n');
  await turn();
  assert.equal(refusals.length, 1);
  socket.destroy();
});

test('T7 a connection on which nothing is asked is ended, a new one and one that was used', async () => {
  const clock = steppedClock(0);
  const fresh = socketThatTakesAll().socket;
  const used = socketThatTakesAll().socket;
  const connections = [fresh, used].map(
    (socket) => new WireConnection(socket, createConnection(socket), doorOf(clock, [])),
  );
  const expire = (): void => {
    for (const connection of connections) connection.expire(clock.monotonic());
  };
  used.push('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await turn();
  clock.advance(headMilliseconds);
  expire();
  assert.deepEqual([fresh.destroyed, used.destroyed], [true, false]);
  clock.advance(keepAliveMilliseconds - headMilliseconds);
  expire();
  assert.equal(used.destroyed, true);
});

function doorOf(clock: ReturnType<typeof steppedClock>, refusals: string[]): Door {
  return {
    clock,
    date: () => 'Wed, 25 Nov 2026 12:00:00 GMT',
    extraHeaders: {},
    patience: { stallMilliseconds: 1_000_000, silentMilliseconds: 1_000_000 },
    closing: () => false,
    closed: () => false,
    serve: (exchange) => exchange.respond(200, {}, 'a small answer'),
    refused: (_stage, _address, reason) => void refusals.push(reason),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A socket whose peer reads everything at once. */
function socketThatTakesAll(): { readonly socket: Socket; written(): string } {
  let written = '';
  const duplex = new Duplex({
    read: () => undefined,
    write(octets: Buffer, _encoding, taken) {
      written += octets.toString();
      taken();
    },
  });
  const socket = Object.assign(duplex, { destroySoon: () => duplex.destroy(), remoteAddress: '127.0.0.1' });
  return { socket: socket as unknown as Socket, written: () => written };
}

/** What a socket is like whose peer's buffers are full. */
function socketThatTakesNothing(): Socket {
  const duplex = new Duplex({ read: () => undefined, write: () => undefined });
  const destroySoon = (): void => {
    duplex.end();
    duplex.once('finish', () => duplex.destroy());
  };
  return Object.assign(duplex, { destroySoon, remoteAddress: '127.0.0.1' }) as unknown as Socket;
}
