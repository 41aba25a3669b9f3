import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../kernel/fault.ts';
import type { AlertMessage } from '../store/alert-records.ts';
import { tellAlerts } from './tell-alerts.ts';

/** A queue in memory, and a receiver that answers as told. */
function setting() {
  const queue: AlertMessage[] = [];
  const told: string[] = [];
  const said: string[] = [];
  const state = { up: true, attempts: 0 };
  return {
    queue,
    told,
    said,
    state,
    put: (sequence: number) =>
      queue.push({
        sequence,
        id: `m${sequence}`,
        body: {},
      }),
    options: {
      alerts: {
        nextMessage: async () => queue[0] ?? null,
        async taken(sequence: number) {
          assert.equal(queue.shift()?.sequence, sequence);
        },
      },
      webhook: {
        async tell(_body: object, id = '') {
          state.attempts += 1;
          if (!state.up) throw new Fault('unavailable', 'down');
          told.push(id);
        },
      },
      log: (line: string) => void said.push(line),
      pause: 5,
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let at = 0; at < 400 && !condition(); at++) await sleep(5);
  assert.ok(condition());
}

test('I10 what waits is told in order, also what was left from before, and what comes while it is told', async () => {
  const { queue, told, put, options } = setting();
  put(1);
  put(2);
  await using teller = tellAlerts(options);
  await until(() => told.length === 2);
  put(3);
  teller.wake();
  teller.wake();
  await until(() => told.length === 3);
  assert.deepEqual(told, ['m1', 'm2', 'm3']);
  assert.deepEqual(queue, []);
});

test('I10 while the receiver is down nothing is lost: the same message again with growing pauses, then the rest', async () => {
  const { told, said, state, put, options } = setting();
  state.up = false;
  put(1);
  await using teller = tellAlerts(options);
  await until(() => state.attempts >= 3);
  put(2);
  const before = state.attempts;
  for (let at = 0; at < 50; at++) teller.wake();
  assert.ok(state.attempts <= before + 1, 'being woken does not shorten the pause');
  assert.equal(teller.problem(), 'down');
  assert.equal(said.length, 1, 'said once');
  state.up = true;
  await until(() => told.length === 2);
  assert.deepEqual(told, ['m1', 'm2']);
  assert.equal(teller.problem(), null);
});

test('I10 closing it ends the pause and leaves what waits for the next start', async () => {
  const { queue, state, put, options } = setting();
  state.up = false;
  put(1);
  const teller = tellAlerts({ ...options, pause: 60_000 });
  await until(() => state.attempts === 1);
  await teller[Symbol.asyncDispose]();
  teller.wake();
  await sleep(10);
  assert.equal(state.attempts, 1);
  assert.equal(queue.length, 1);
});
