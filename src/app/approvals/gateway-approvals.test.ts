import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AskedCall } from '../../gateway/approval/call-approvals.ts';
import { Fault } from '../../kernel/fault.ts';
import { createRedactor } from '../../secrets/redact.ts';
import { aCall } from './call-approval.fixture.ts';
import { type AuthorityApprovals, gatewayApprovals } from './gateway-approvals.ts';

const standing = { id: 'a', state: 'waiting', expiresAt: 1, reason: null } as const;

test('A4 S2 what an approver is shown holds none of the secrets that the gateway knows, and the digest is that of the call as it was made', async () => {
  const redactor = createRedactor();
  redactor.learn('canary-secret-value');
  const asked: AskedCall[] = [];
  const authority: AuthorityApprovals = {
    ask: async (call) => {
      asked.push(call);
      return standing;
    },
    use: async () => true,
    withdraw: async () => undefined,
  };
  const call = aCall({
    target: 'file:///x?key=canary-secret-value',
    params: { name: 'pay', arguments: { note: ['say canary-secret-value'], to: 'ACME' } },
  });
  assert.deepEqual(await gatewayApprovals(authority, redactor).ask(call), standing);
  const [shown] = asked;
  assert.doesNotMatch(JSON.stringify(shown), /canary/);
  assert.match(JSON.stringify(shown?.params), /ACME/);
  assert.equal(shown?.digest, call.digest);
});

test('A4 a gateway whose authority is dead, or that has none, has nothing approved, and says no more than that', async () => {
  const fails = (reason: unknown): AuthorityApprovals => {
    const gone = (): Promise<never> => Promise.reject(reason);
    return { ask: gone, use: gone, withdraw: gone };
  };
  const approval = { id: 'a', digest: 'd' };
  for (const authority of [null, fails(new Error('at 10.0.0.7')), fails(new Fault('timed_out', 'slow'))]) {
    const approvals = gatewayApprovals(authority, createRedactor());
    for (const act of [() => approvals.ask(aCall()), () => approvals.use(approval)]) {
      await assert.rejects(act, (error) => {
        return error instanceof Fault && error.code === 'unavailable' && !error.message.includes('10.0.0.7');
      });
    }
  }
  const full = gatewayApprovals(fails(new Fault('limit_reached', 'too many')), createRedactor());
  await assert.rejects(full.ask(aCall()), { code: 'limit_reached' });
});
