import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLiveCalls, type LiveCall } from './live-calls.ts';

function call(objection: () => string | null, cut: (reason: string) => void): LiveCall {
  return { agent: 'a', spiffeId: 'spiffe://x/agent/a', serial: '01', server: 's', objection, cut };
}

test('I7 a review cuts exactly the calls that may not go on, once', () => {
  const calls = createLiveCalls();
  const reasons: string[] = [];
  let revoked = false;
  calls.enter(
    call(
      () => null,
      () => reasons.push('never'),
    ),
  );
  calls.enter(
    call(
      () => (revoked ? 'revoked' : null),
      (reason) => reasons.push(reason),
    ),
  );
  assert.equal(calls.review(), 0);
  revoked = true;
  assert.equal(calls.review(), 1);
  assert.equal(calls.review(), 0);
  assert.deepEqual(reasons, ['revoked']);
  assert.equal(calls.count(), 1);
});
