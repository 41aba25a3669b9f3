import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../http/exchange.ts';
import { steppedClock } from '../kernel/clock.ts';
import { certificateOf } from './caller.fixture.ts';
import { createConnectionLimit } from './connections.ts';

const alice = await certificateOf('alice');
const bob = await certificateOf('bob');

function connection(certificate: Uint8Array | null): Connection & { rested: number; close(): void } {
  const gone = new AbortController();
  return {
    id: 'a',
    address: '127.0.0.1',
    certificate,
    facts: new Map(),
    closed: gone.signal,
    rested: 0,
    rest(milliseconds) {
      this.rested = milliseconds;
    },
    cut: () => gone.abort(),
    close: () => gone.abort(),
  };
}

test('T7 an agent has so many connections, each comes back once, and others have their own', () => {
  const welcome = createConnectionLimit({ clock: steppedClock(0), trustDomain: 'example.internal', most: 2 });
  const first = connection(alice);
  assert.equal(welcome(first), null);
  assert.equal(welcome(connection(alice)), null);
  assert.equal(welcome(connection(alice))?.code, 'limit_reached');
  assert.equal(welcome(connection(bob)), null);
  first.close();
  assert.equal(welcome(connection(alice)), null);
  assert.equal(welcome(connection(alice))?.code, 'limit_reached');
});

test('T7 an agent that opens a connection for every request is slowed down, and not the others', () => {
  const clock = steppedClock(0);
  const welcome = createConnectionLimit({ clock, trustDomain: 'example.internal', most: 1_000 });
  const rests = (certificate: Uint8Array): number => {
    const made = connection(certificate);
    welcome(made);
    made.close();
    return made.rested;
  };
  for (let opened = 0; opened < 32; opened++) assert.equal(rests(alice), 0);
  assert.equal(rests(alice), 1_000);
  assert.equal(rests(bob), 0);
  clock.advance(1_000);
  assert.equal(rests(alice), 0);
});

test('T7 who is nobody here is counted nowhere and told at the first request', () => {
  const welcome = createConnectionLimit({ clock: steppedClock(0), trustDomain: 'example.internal', most: 1 });
  assert.equal(welcome(connection(null)), null);
  assert.equal(welcome(connection(new Uint8Array([1, 2, 3]))), null);
  assert.equal(welcome(connection(null)), null);
});
