import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../kernel/fault.ts';
import { explain } from './explain.ts';
import { aQuestion, policies } from './question.fixture.ts';

const everybody = '@id("all") permit (principal, action, resource);';
const calls = 'principal, action == Action::"tools/call", resource';

test('A4 a forbid with @ask asks for an approval, and the decision says which policies ask and why', () => {
  const set = policies(
    `${everybody} @id("b") @ask("money moves") forbid (${calls}); @id("a") @ask("it is late") @approver("another") forbid (${calls}) when { context.time > 0 };`,
  );
  const decision = set.decide(aQuestion());
  assert.equal(decision.outcome, 'ask');
  assert.deepEqual(decision.policies, ['a', 'b']);
  assert.deepEqual(decision.outcome === 'ask' && decision.permits, ['all']);
  assert.deepEqual(decision.outcome === 'ask' && decision.asks, [
    { policy: 'a', why: 'it is late', approver: 'another' },
    { policy: 'b', why: 'money moves', approver: 'anyone' },
  ]);
  assert.match(decision.outcome === 'ask' ? decision.detail : '', /"a" \(a\.cedar:1\): it is late; .*money/);
});

test('A4 asks only where it would be permitted otherwise: a plain forbid, a failure and no permit all deny', () => {
  const ask = `@ask("why") forbid (${calls});`;
  const rows = [
    [`${everybody} ${ask} forbid (${calls});`, 'forbidden'],
    [`${everybody} ${ask} forbid (${calls}) when { context.arguments.n > 1 };`, 'policy_error'],
    [`${everybody} @ask("why") forbid (${calls}) when { context.arguments.n > 1 };`, 'policy_error'],
    [ask, 'no_policy_permits'],
  ] as const;
  for (const [text, reason] of rows) {
    const decision = policies(text).decide(aQuestion());
    assert.equal(decision.outcome === 'deny' ? decision.reason : decision.outcome, reason, text);
  }
});

test('A4 a condition says for which arguments it asks, also right after a call that needed nobody', () => {
  const set = policies(
    `${everybody} @id("much") @ask("much money") forbid (${calls}) when { context.arguments has n && context.arguments.n > 100 };`,
  );
  const outcome = (n: number): string => set.decide(aQuestion({ context: { arguments: { n } } })).outcome;
  assert.deepEqual([5, 500, 5, 500].map(outcome), ['permit', 'ask', 'permit', 'ask']);
});

test('A3 A4 an explanation names the policy that asks as one that applies', () => {
  const set = policies(`${everybody} @id("look") @ask("why") forbid (${calls});`);
  const { decision, findings } = explain(set, aQuestion());
  assert.equal(decision.outcome, 'ask');
  assert.deepEqual(
    findings.map(({ rule, result }) => [rule.id, result, rule.ask?.why ?? null]),
    [
      ['all', 'applies', null],
      ['look', 'applies', 'why'],
    ],
  );
});

test('A4 an annotation that does not mean what was written is refused (trap: a slip lets anybody approve)', () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    [`@ask("why") permit (${calls});`, /a\.cedar:1:1: @ask stands before a forbid/],
    [`@ask forbid (${calls});`, /must say in 1 to 300 visible characters why/],
    [`@ask(" ") forbid (${calls});`, /must say/],
    [`@ask("a\\nb") forbid (${calls});`, /must say/],
    [`@ask("\\u{202e}x") forbid (${calls});`, /must say/],
    [`@ask("${'x'.repeat(301)}") forbid (${calls});`, /must say/],
    [`@ask("why") forbid (principal, action, resource);`, /nobody can approve "initialize"/],
    [
      `@ask("why") forbid (principal, action in Action::"tasks", resource);`,
      /nobody can approve "tasks\/get"/,
    ],
    [`@ask("why") forbid (principal, action == Action::"other", resource);`, /nobody can approve "other"/],
    [`@ask("why") @approver("nobody") forbid (${calls});`, /@approver is "another".*or "anyone"/],
    [`@approver("another") forbid (${calls});`, /there is no @ask/],
    [`@ask("why") @aprover("another") forbid (${calls});`, /no annotation "@aprover".*"@approver"/],
    [`@aks("why") forbid (${calls});`, /no annotation "@aks".*"@ask"/],
  ];
  for (const [text, names] of rows) {
    assert.throws(
      () => policies(text),
      (error) => error instanceof Fault && error.code === 'policy_invalid' && names.test(error.message),
      text,
    );
  }
  policies(
    `@ask("why") forbid (principal, action in [Action::"prompts/get", Action::"resources/read"], resource);`,
  );
  policies(`@owner("platform") @advice("x") @ask("why") forbid (${calls});`);
});
