import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { createConnection } from './connection.ts';
import type { Door } from './engine.ts';
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

/** What a socket is like whose peer's buffers are full. */
function socketThatTakesNothing(): Socket {
  const duplex = new Duplex({ read: () => undefined, write: () => undefined });
  const destroySoon = (): void => {
    duplex.end();
    duplex.once('finish', () => duplex.destroy());
  };
  return Object.assign(duplex, { destroySoon, remoteAddress: '127.0.0.1' }) as unknown as Socket;
}
