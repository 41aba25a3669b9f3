import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../kernel/fault.ts';
import { compilePolicies } from '../policy/compile-policies.ts';
import { authorize } from './authorize.ts';
import { callsOf, standingOf, withoutFlow } from './caller.fixture.ts';

test('A4 a call that policy asks about is refused as unapproved and not as denied, and says why', async () => {
  const standing = await standingOf('ci-bot');
  const policies = compilePolicies([
    {
      name: 'a.cedar',
      text: 'permit (principal, action, resource); @id("look") @ask("money moves") forbid (principal, action == Action::"tools/call", resource == Tool::"bank/pay");',
    },
  ]);
  const circumstances = {
    server: 'bank',
    address: '127.0.0.1',
    grant: null,
    passports: null,
    time: 0,
    ...withoutFlow,
  };
  assert.equal(authorize(policies, standing, callsOf('balance'), circumstances).server, 'bank');
  assert.throws(
    () => authorize(policies, standing, callsOf('pay'), circumstances),
    (error) =>
      error instanceof Fault && error.code === 'call_unapproved' && /money moves/.test(error.message),
  );
});
