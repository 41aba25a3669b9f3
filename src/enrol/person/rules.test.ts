import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as holds, constantFrom, property, string, stringMatching } from 'fast-check';
import { Fault } from '../../kernel/fault.ts';
import { partOfNames, readAgentNames } from './agent-names.ts';
import { deriveRoles, type RoleRule } from './derive-roles.ts';

const ruleOf = (
  groups: readonly string[] | null,
  gives: readonly string[],
  takes: readonly string[] = [],
): RoleRule => ({
  claims: new Map(groups ? [['/groups', groups]] : []),
  gives,
  takes,
});
const derive = (rules: readonly RoleRule[], groups: readonly string[]): readonly string[] =>
  deriveRoles({ name: 'company', rules }, { '/groups': groups }).map(({ role }) => role);

test('I4 every rule that matches gives its roles, and one below takes what one above gave', () => {
  const rules = [
    ruleOf(null, ['reader']),
    ruleOf(['engineering', 'research'], ['builder', 'deployer']),
    ruleOf(['contractors'], [], ['deployer']),
    ruleOf(['release'], ['deployer']),
  ];
  assert.deepEqual(derive(rules, []), ['reader']);
  assert.deepEqual(derive(rules, ['research']), ['reader', 'builder', 'deployer']);
  assert.deepEqual(derive(rules, ['engineering', 'contractors']), ['reader', 'builder']);
  // The order decides: what is given below the taking stays.
  assert.deepEqual(derive(rules, ['engineering', 'contractors', 'release']), [
    'reader',
    'builder',
    'deployer',
  ]);
});

test('I4 a derived role names its rule and what made it match, and the first that gave it', () => {
  const provider = {
    name: 'company',
    rules: [
      ruleOf(['a'], ['x']),
      {
        claims: new Map([
          ['/groups', ['b']],
          ['/office/city', ['Paris', 'Rome']],
        ]),
        gives: ['x', 'y'],
        takes: [],
      },
    ],
  };
  const claims = { '/groups': ['a', 'b'], '/office/city': ['Rome'] };
  assert.deepEqual(deriveRoles(provider, claims), [
    { role: 'x', provider: 'company', rule: 1, because: ['a'] },
    { role: 'y', provider: 'company', rule: 2, because: ['b', 'Rome'] },
  ]);
  assert.deepEqual(deriveRoles(provider, { '/groups': ['b'] }), [], 'all claims of a rule have to match');
});

test('I3 one pattern never gives two people the same name', () => {
  const patterns = [
    '{person}',
    '{person}-*',
    'ci-{person}',
    'ci-{person}-*',
    '*-{person}',
    '{person}-dev*',
  ].map(readAgentNames);
  const person = string({ unit: constantFrom('a', 'B', '1', '-', '_', '.', '+', 'é') });
  const name = stringMatching(/^(ci-)?[ab1_]{1,4}(-[ab1_devci-]{0,8})?$/);
  holds(
    property(constantFrom(...patterns), person, person, name, (pattern, one, other, tried) => {
      const [first, second] = [part(one), part(other)];
      if (first === null || second === null || first === second) return;
      assert.ok(!(pattern.has(tried, first) && pattern.has(tried, second)), `${pattern.text}: ${tried}`);
    }),
    { numRuns: 2_000 },
  );
});

test('I3 a person is a part of names without a dash, and somebody of no letters is none', () => {
  assert.equal(partOfNames('Alice.B-Smith+x@example.com'), 'alice_b_smith_x');
  assert.equal(partOfNames('bob'), 'bob');
  for (const nobody of ['@example.com', '...@example.com', 'éé@example.com']) {
    assert.throws(
      () => partOfNames(nobody),
      (error) => error instanceof Fault && error.code === 'login_refused',
    );
  }
});

test('I3 only names that say whose they are are patterns', () => {
  for (const wrong of [
    '*',
    'lab-*',
    '{person}*',
    'a{person}',
    '{person}-*-*',
    '*-{person}-*',
    '{person}-{person}',
    '{Person}',
    '',
  ]) {
    assert.throws(
      () => readAgentNames(wrong),
      (error) => error instanceof Fault && error.code === 'config_invalid',
      wrong,
    );
  }
  const names = readAgentNames('{person}-*');
  const tried = ['alice-laptop', 'alice-', 'alice', 'alice-a.b', 'alicex-y', 'alice-ü', 'alice-A'];
  assert.deepEqual(
    tried.map((name) => names.has(name, 'alice')),
    [true, false, false, false, false, false, false],
  );
});

function part(person: string): string | null {
  try {
    return partOfNames(person);
  } catch {
    return null;
  }
}
