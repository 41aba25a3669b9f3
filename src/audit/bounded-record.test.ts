import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBoundedRecord } from './bounded-record.ts';
import { createConnectionRefusals } from './connection-refusals.ts';
import type { AuditEvent } from './events.ts';

function memoryLog(): { append(event: AuditEvent): Promise<{ index: number }>; events: AuditEvent[] } {
  const events: AuditEvent[] = [];
  return { events, append: async (event) => ({ index: events.push(event) - 1 }) };
}

const stranger = { stage: 'tls', address: '192.0.2.7', reason: 'no certificate' } as const;

test('S4 strangers who are turned away are recorded one by one up to a number, then counted (trap: unbounded audit queue)', async () => {
  const log = memoryLog();
  {
    await using refusals = createConnectionRefusals(log, 'agents');
    for (let at = 0; at < 10_000; at++) refusals.record(stranger);
  }
  assert.equal(log.events.length, 51);
  assert.deepEqual(log.events[0], { type: 'connection.refused', listener: 'agents', ...stranger });
  assert.deepEqual(log.events[50], {
    type: 'connections.refused',
    listener: 'agents',
    count: 9_950,
    milliseconds: 10_000,
  });
});

test('S4 the next stretch of time records one by one again', async () => {
  const log = memoryLog();
  await using bounded = createBoundedRecord(log, { type: 'join-tokens.refused' }, 20);
  const event = { type: 'join-token.refused', id: null } as const;
  for (let at = 0; at < 51; at++) await bounded.record(event);
  while (log.events.length < 51) await new Promise((resolve) => setTimeout(resolve, 5));
  await bounded.record(event);
  assert.deepEqual(
    log.events.slice(50).map(({ type }) => type),
    ['join-tokens.refused', 'join-token.refused'],
  );
});

test('S4 a log that cannot be written does not hold up a listener, and is told to whoever waits', async () => {
  const failing = { append: () => Promise.reject(new Error('disk full')) };
  await using refusals = createConnectionRefusals(failing, 'agents');
  for (let at = 0; at < 100; at++) refusals.record(stranger);
  await using bounded = createBoundedRecord(failing, { type: 'join-tokens.refused' });
  await assert.rejects(bounded.record({ type: 'join-token.refused' }), /disk full/);
});
