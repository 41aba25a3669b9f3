import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { readPolicyTests, runPolicyTests } from './policy-test.ts';
import { policies } from './question.fixture.ts';

const set = policies(
  '@id("guests") permit (principal in Role::"guest", action, resource in Server::"files") when { context.time < 1000 }; @id("never") forbid (principal, action, resource == Tool::"files/delete");',
);
const base = { name: 'a', server: 'files', tool: 'read', roles: ['guest'], expect: 'permit' };

test('A3 a test passes when the decision and the policy behind it are as expected', () => {
  assert.equal(failure(base), null);
  assert.equal(failure({ ...base, by: 'guests' }), null);
  assert.equal(failure({ ...base, tool: 'delete', expect: 'deny', by: 'never' }), null);
  assert.equal(failure({ ...base, roles: [], expect: 'deny' }), null);
  assert.equal(failure({ ...base, time: '1970-01-01T00:00:02Z', expect: 'deny' }), null);
});

test('A3 a test fails when the decision differs, or another policy made it', () => {
  assert.match(failure({ ...base, expect: 'deny' }) ?? '', /expected deny, got permit/);
  assert.match(failure({ ...base, roles: [] }) ?? '', /expected permit, got deny/);
  assert.match(failure({ ...base, by: 'never' }) ?? '', /by guests/);
  assert.match(failure({ ...base, roles: [], expect: 'deny', by: 'never' }) ?? '', /no policy/);
  assert.match(failure({ ...base, by: 'guest' }) ?? '', /"guests"/);
});

test('A3 A4 a test can expect that policies ask for an approval, by the policy that asks', () => {
  const asking = policies(
    '@id("all") permit (principal, action, resource); @id("look") @ask("money moves") forbid (principal, action == Action::"tools/call", resource == Tool::"files/pay");',
  );
  const asked = { ...base, tool: 'pay', expect: 'ask' };
  const failureOf = (row: JsonObject): string | null =>
    runPolicyTests(asking, readPolicyTests({ tests: [row] }))[0]?.failure ?? null;
  assert.equal(failureOf({ ...asked, by: 'look' }), null);
  assert.match(failureOf({ ...asked, expect: 'permit' }) ?? '', /expected permit, got ask: .*money moves/);
  assert.match(failureOf({ ...asked, tool: 'read' }) ?? '', /expected ask, got permit: by all/);
  assert.match(failureOf({ ...asked, by: 'all' }) ?? '', /expected ask by all, but it was by look/);
});

test('A3 a test file with a slip is refused with the nearest match', () => {
  const slips: readonly (readonly [Json, RegExp])[] = [
    [{}, /tests/],
    [{ tests: [] }, /at least one/],
    [{ tests: [base], test: 1 }, /"tests"/],
    [{ tests: [base, { ...base, rols: ['a'] }] }, /test 2: "rols".*"roles"/],
    [{ tests: [{ ...base, expect: 'allow' }] }, /test 1 expect/],
    [{ tests: [{ ...base, action: 'tools/lst' }] }, /"tools\/list"/],
    [{ tests: [{ ...base, prompt: 'x' }] }, /one of/],
    [{ tests: [{ name: 'a', server: 's', expect: 'deny' }] }, /give an action/],
  ];
  for (const [file, names] of slips) {
    assert.throws(
      () => readPolicyTests(file as JsonObject),
      (error) => error instanceof Fault && error.code === 'invalid_input' && names.test(error.message),
      JSON.stringify(file),
    );
  }
});

function failure(row: JsonObject): string | null {
  const [result] = runPolicyTests(set, readPolicyTests({ tests: [row] }));
  assert.ok(result);
  return result.failure;
}

test('A1 the nearest actor of a token is `actor`, and `actors` are all of its chain (RFC 8693 §4.1)', () => {
  const acting = policies(
    '@id("near") permit (principal, action, resource) when { context has actor && context.actor == "spiffe://x/agent/a" }; @id("never") forbid (principal, action, resource) when { context.actors.contains("spiffe://x/agent/b") };',
  );
  const decided = (actors: readonly string[] | undefined, expect: string, by?: string): string | null => {
    const asked = { name: 'a', server: 'files', tool: 'read', ...(actors && { actors: [...actors] }) };
    const tests = readPolicyTests({ tests: [{ ...asked, expect, ...(by !== undefined && { by }) }] });
    return runPolicyTests(acting, tests)[0]?.failure ?? null;
  };
  assert.equal(decided(['spiffe://x/agent/a', 'spiffe://x/agent/c'], 'permit', 'near'), null);
  assert.equal(decided(['spiffe://x/agent/c', 'spiffe://x/agent/a'], 'deny'), null);
  assert.equal(decided(['spiffe://x/agent/a', 'spiffe://x/agent/b'], 'deny', 'never'), null);
  assert.equal(decided(undefined, 'deny'), null);
});

test('A6 a test says the labels of what is asked for and of what was touched before', () => {
  const leaving = policies(
    '@id("all") permit (principal, action, resource); @id("leak") forbid (principal, action, resource) when { context.labels.contains("public-sink") && context.touched.contains("private") };',
  );
  const decided = (more: { readonly labels?: string[]; readonly touched?: string[] }): string => {
    const asked = { name: 'a', server: 'mail', tool: 'send', expect: 'permit', ...more };
    const [result] = runPolicyTests(leaving, readPolicyTests({ tests: [asked] }));
    return result?.decision.policies.join() ?? '';
  };
  assert.equal(decided({ labels: ['public-sink'], touched: ['untrusted', 'private'] }), 'leak');
  assert.equal(decided({ labels: ['public-sink'], touched: ['untrusted'] }), 'all');
  assert.equal(decided({ labels: ['private'], touched: ['private'] }), 'all');
  assert.equal(decided({}), 'all');
});
