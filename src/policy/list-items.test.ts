import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aQuestion, policies } from './question.fixture.ts';

const call = 'principal, action == Action::"tools/call", resource';
const item = aQuestion({ context: { arguments: null } });

/** Each line: policies, and whether a list shows the tool. */
const rows: readonly (readonly [string, boolean])[] = [
  [`permit (${call});`, true],
  [`permit (${call}) when { context.arguments.path like "/x*" };`, true],
  [`permit (${call}) when { context.arguments has path && context.arguments.path like "/x*" };`, true],
  [`permit (${call}) when { context has arguments.path };`, true],
  [`permit (${call}) unless { context.arguments has force };`, true],
  [`permit (${call}); forbid (${call}) when { context.arguments.path like "/x*" };`, true],
  [`permit (${call}); forbid (${call}) unless { context.arguments has path };`, true],
  // Conditions that are known already hide what they refuse.
  [`permit (${call}) when { principal in Role::"staff" && context.arguments.path like "/x*" };`, false],
  [`permit (${call}) when { context.arguments.path like "/x*" && principal in Role::"staff" };`, true],
  [
    `permit (principal in Role::"staff", action == Action::"tools/call", resource) when { context.arguments.n > 1 };`,
    false,
  ],
  [
    `permit (principal, action == Action::"tools/call", resource == Tool::"files/write") when { context.arguments.n > 1 };`,
    false,
  ],
  [`permit (${call}) when { context.time < 5 && context.arguments.n > 1 };`, false],
  [
    `permit (${call}) when { context.arguments.n > 1 }; forbid (${call}) when { principal in Role::"guest" };`,
    false,
  ],
  [
    `permit (${call}) when { context.arguments.n > 1 }; forbid (${call}) when { principal in Role::"guest" || context.arguments has x };`,
    false,
  ],
  [`forbid (${call}) when { context.arguments.n > 1 };`, false],
  // What an approval could lift is shown; nothing is, where no permit is behind it or a forbid in front.
  [`permit (${call}); @ask("why") forbid (${call});`, true],
  [`permit (${call}); @ask("why") forbid (${call}) when { context.arguments.n > 1 };`, true],
  [`permit (${call}) when { context.arguments.n > 1 }; @ask("why") forbid (${call});`, true],
  [`@ask("why") forbid (${call});`, false],
  [`permit (${call}); forbid (${call}); @ask("why") forbid (${call});`, false],
  ['', false],
];

test('A1 a list shows what some arguments could make permitted, and nothing that none could', () => {
  for (const [text, shown] of rows) {
    const set = policies(text);
    for (let round = 0; round < 2; round++) assert.equal(set.couldPermit(item), shown, text);
  }
});

test('A1 what some arguments are permitted for is shown', () => {
  const args = { path: '/x', n: 5 };
  for (const [text, shown] of rows) {
    const decision = policies(text).decide(aQuestion({ context: { arguments: args } }));
    if (decision.outcome === 'permit') assert.equal(shown, true, text);
  }
});

test('A1 where no arguments are read the list and the call agree', () => {
  const set = policies(
    'permit (principal, action, resource == Tool::"files/read") when { context.time < 5 };',
  );
  for (const time of [4, 6]) {
    for (const name of ['read', 'write']) {
      const question = aQuestion({ target: { kind: 'tool', name }, context: { arguments: null, time } });
      assert.equal(set.couldPermit(question), set.decide(question).outcome === 'permit');
    }
  }
});

test('A1 a list follows time, address and roles like a call', () => {
  const set = policies(
    `permit (${call}) when { context.address == "10.1.2.3" && context.arguments has x }; permit (${call}) when { principal in Role::"late" && context.time > 5 && context.arguments has x };`,
  );
  const shown = (roles: readonly string[], address: string, time: number): boolean =>
    set.couldPermit(aQuestion({ agent: { roles }, context: { arguments: null, address, time } }));
  for (let round = 0; round < 2; round++) {
    assert.equal(shown([], '10.1.2.3', 1), true);
    assert.equal(shown([], '10.1.2.4', 1), false);
    assert.equal(shown(['late'], '10.1.2.4', 6), true);
    assert.equal(shown(['late'], '10.1.2.4', 5), false);
  }
});

test('A1 a policy that fails with any arguments hides what the call would refuse', () => {
  const overflow = 'context.time * 9007199254740991 > 3';
  for (const condition of [overflow, `${overflow} && context.arguments has x`]) {
    const set = policies(
      `permit (${call}) when { context.arguments has x }; permit (${call}) when { ${condition} };`,
    );
    assert.equal(set.couldPermit(item), false, condition);
    assert.equal(set.decide(aQuestion({ context: { arguments: { x: 1 } } })).outcome, 'deny', condition);
  }
});
