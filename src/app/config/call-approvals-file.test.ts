import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../kernel/fault.ts';
import { defaultCallApprovals, readCallApprovals } from './call-approvals-file.ts';

test('A4 call-approvals.yaml says how long calls wait and who approves them', () => {
  const read = readCallApprovals(
    'call-approvals.yaml',
    'waitMinutes: 5\nuseMinutes: 2\napprovers:\n  - admin: grace\n    persons: [keycloak:grace]\n    servers: [bank]\n  - admin: ada\n',
  );
  assert.deepEqual(read, {
    wait: 300_000,
    use: 120_000,
    approvers: [
      { admin: 'grace', persons: ['keycloak:grace'], servers: ['bank'] },
      { admin: 'ada', persons: [], servers: null },
    ],
  });
  assert.deepEqual(readCallApprovals('call-approvals.yaml', '{}'), defaultCallApprovals);
  assert.deepEqual(defaultCallApprovals, { wait: 3_600_000, use: 600_000, approvers: null });
});

for (const [text, near] of [
  ['approver: []', 'approvers'],
  ['approvers: []', 'line 1: approvers'],
  ['approvers:\n  - person: [a]', 'persons'],
  ['approvers:\n  - admin: Grace', 'line 2: approvers.0.admin'],
  ['approvers:\n  - admin: grace\n    servers: []', 'line 3'],
  ['useMinutes: 0', 'line 1: useMinutes'],
  ['waitMinutes: 1h', 'line 1: waitMinutes'],
] as const) {
  test(`A4 ${JSON.stringify(text)} is refused whole, with its line or the name that is meant`, () => {
    assert.throws(
      () => readCallApprovals('call-approvals.yaml', text),
      (error) => error instanceof Fault && error.code === 'config_invalid' && error.message.includes(near),
    );
  });
}
