import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../kernel/clock.ts';
import { createServerStates, type ServerState, tellServerStates } from './server-states.ts';

const files: ServerState = { name: 'files', state: 'up', circuit: 'closed', agentsLeftAlone: 0, detail: '' };

test('T7 what each gateway says of a server is shown as long as the gateway is heard', () => {
  let now = 1_000;
  const states = createServerStates({ now: () => now, monotonic: () => now });
  states.heard('one', [files, { ...files, name: 'mail' }]);
  now += 40_000;
  states.heard('two', [{ ...files, state: 'down', circuit: 'open' }]);
  const shown = (): unknown =>
    states.of('files').map(({ gateway, circuit, heardAt }) => [gateway, circuit, heardAt]);
  assert.deepEqual(shown(), [
    ['one', 'closed', 1_000],
    ['two', 'open', 41_000],
  ]);
  now += 21_000;
  assert.deepEqual(shown(), [['two', 'open', 41_000]]);
  states.heard('two', []);
  assert.deepEqual(shown(), []);
});

test('T7 a change is told at once, what stays the same is not told over and over, and a failure is said once', async () => {
  const told: string[] = [];
  const lines: string[] = [];
  let current = [files];
  let broken = false;
  using _ = tellServerStates({
    states: () => current,
    tell: async (states) => {
      if (broken) throw new Error('it is down');
      told.push(states.map(({ circuit }) => circuit).join());
    },
    clock: systemClock,
    complain: (line) => lines.push(line),
  });
  await delay(1_300);
  assert.deepEqual(told, ['closed']);
  current = [{ ...files, circuit: 'open' }];
  await delay(700);
  assert.deepEqual(told, ['closed', 'open']);
  broken = true;
  current = [files];
  await delay(700);
  current = [{ ...files, circuit: 'half-open' }];
  await delay(700);
  assert.equal(lines.length, 1);
});
