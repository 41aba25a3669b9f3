import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBackOff } from './back-off.ts';
import { createCallerTracker } from './caller-tracker.ts';
import { steppedClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { defaultUpstreamLimits } from './limits.ts';
import type { UpstreamRequest } from './upstream.ts';

const agent = 'spiffe://example.internal/agent/ci';
const other = 'spiffe://example.internal/agent/ci-bot';
const parties = [agent, `${agent} ["https://sso.example","alice"]`, `${agent} ["https://sso.example","bob"]`];

test('I7 the end of an agent ends what it holds for every person, and nothing of an agent whose name begins alike', () => {
  const tracker = createCallerTracker();
  const ended: string[] = [];
  for (const caller of [...parties, other]) {
    tracker.enter(caller, { end: () => void ended.push(caller) });
    const request = { caller, headers: {}, method: 'POST' } as unknown as UpstreamRequest;
    tracker.follow(request, {
      status: 200,
      headers: { 'mcp-session-id': `of ${caller}` },
      body: new Uint8Array(),
    });
  }
  assert.deepEqual(
    tracker.end(agent),
    parties.map((party) => `of ${party}`),
  );
  assert.deepEqual(ended, parties);
  assert.deepEqual(tracker.end(agent), []);
  assert.deepEqual(tracker.end(other), [`of ${other}`]);
});

test('a server that failed one person of an agent is tried for the others, and forgotten for all of them with the agent', () => {
  const backOff = createBackOff('files', steppedClock(0), defaultUpstreamLimits);
  const fault = new Fault('upstream_failed', 'It fell over.');
  const [, alice = '', bob = ''] = parties;
  backOff.failed(alice, fault, false);
  assert.throws(() => backOff.check(alice));
  backOff.check(bob);
  backOff.failed(bob, fault, false);
  backOff.failed(other, fault, false);
  backOff.forget(agent);
  backOff.check(alice);
  backOff.check(bob);
  assert.throws(() => backOff.check(other));
});
