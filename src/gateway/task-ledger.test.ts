import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTaskLedger } from './task-ledger.ts';

test('law 5 a task is known for the agent and the server it was noted for, and old ones make room', () => {
  const ledger = createTaskLedger();
  const mine = { party: 'spiffe://example.internal/agent/a', server: 'files' };
  ledger.note(mine, 't');
  assert.equal(ledger.knows(mine, 't'), true);
  assert.equal(ledger.knows({ ...mine, server: 'mail' }, 't'), false);
  assert.equal(ledger.knows({ ...mine, party: 'spiffe://example.internal/agent/b' }, 't'), false);
  for (let task = 0; task < 9_999; task++) ledger.note(mine, `t-${task}`);
  ledger.note(mine, 't');
  for (let task = 9_999; task < 10_010; task++) ledger.note(mine, `t-${task}`);
  assert.equal(ledger.knows(mine, 't'), true, 'one that is used is not old');
  assert.equal(ledger.knows(mine, 't-0'), false);
});
