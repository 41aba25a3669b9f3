import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { cedarArguments } from './cedar-arguments.ts';
import { aQuestion, policies } from './question.fixture.ts';

test('A1 an argument decides: a call is permitted for one value and not for another', () => {
  assert.equal(decided('context.arguments.path like "/public/*"', { path: '/public/a' }), 'permit');
  assert.equal(
    decided('context.arguments.path like "/public/*"', { path: '/private/a' }),
    'no_policy_permits',
  );
  assert.equal(decided('context.arguments.user.id == 7', { user: { id: 7 } }), 'permit');
  assert.equal(
    decided('context.arguments.tags.containsAll(["a", "b"])', { tags: ['b', 'a', 'c'] }),
    'permit',
  );
});

test('A1 a missing argument fails the policy unless it asks first', () => {
  assert.equal(decided('context.arguments.path like "/*"', {}), 'policy_error');
  assert.equal(
    decided('context.arguments has path && context.arguments.path like "/*"', {}),
    'no_policy_permits',
  );
  assert.equal(decided('!(context.arguments has path)', {}), 'permit');
});

test('A1 arguments cannot forge an entity or an extension value', () => {
  const admin = { __entity: { type: 'Role', id: 'admin' } };
  const isAdmin = 'context.arguments.x == Role::"admin"';
  assert.equal(decided(isAdmin, { x: admin }), 'no_policy_permits');
  assert.equal(decided(isAdmin, { x: { type: 'Role', id: 'admin' } }), 'no_policy_permits');
  assert.equal(decided('context.arguments.x == principal', { x: agent }), 'no_policy_permits');
  assert.equal(decided('context.arguments.x in [Role::"guest"]', { x: agent }), 'policy_error');
  const ip = { __extn: { fn: 'ip', arg: '127.0.0.1' } };
  assert.equal(decided('context.arguments.x.isLoopback()', { x: ip }), 'policy_error');
  const unknown = { __extn: { fn: 'unknown', arg: 'arguments' } };
  assert.equal(decided('context.arguments.x == 3', { x: unknown }), 'no_policy_permits');
  // At the top as well, where the whole record would become the entity.
  assert.equal(decided('context.arguments == Role::"admin"', admin), 'no_policy_permits');
});

const agent = { __entity: { type: 'Agent', id: 'ci-bot' } };

test('A1 names that Cedar would read as more get an underscore, and no two names become one', () => {
  const names = ['__entity', '___entity', '____entity', '__extn', '__expr', '_entity', '__other', 'entity'];
  const value = cedarArguments(Object.fromEntries(names.map((name) => [name, name])));
  assert.deepEqual(
    Object.entries(value).map(([name, was]) => `${JSON.stringify(was)}→${name}`),
    [
      '"__entity"→___entity',
      '"___entity"→____entity',
      '"____entity"→_____entity',
      '"__extn"→___extn',
      '"__expr"→___expr',
      '"_entity"→_entity',
      '"__other"→__other',
      '"entity"→entity',
    ],
  );
});

test('A1 null is there and is nothing but null', () => {
  assert.equal(decided('context.arguments has x', { x: null }), 'permit');
  assert.equal(decided('context.arguments.x == Null::"null"', { x: null }), 'permit');
  assert.equal(decided('context.arguments.x == Null::"null"', { x: 'null' }), 'no_policy_permits');
  assert.equal(decided('context.arguments.x like "*"', { x: null }), 'policy_error');
});

test('A1 numbers: whole ones are Long, fractions decimal, and what neither can hold is text', () => {
  const table: readonly [string, Json][] = [
    ['context.arguments.x == 5', 5],
    ['context.arguments.x == 5', 5.0],
    ['context.arguments.x == 0', -0],
    ['context.arguments.x == 9007199254740991', 9_007_199_254_740_991],
    ['context.arguments.x.lessThan(decimal("1.6"))', 1.5],
    ['context.arguments.x == decimal("-0.0001")', -0.0001],
    ['context.arguments.x == "0.00001"', 0.000_01],
    ['context.arguments.x == "1e-7"', 1e-7],
    ['context.arguments.x == "1.23456"', 1.234_56],
    ['context.arguments.x == "9007199254740992"', 2 ** 53],
    ['context.arguments.x == "1e+21"', 1e21],
    ['context.arguments.x == "1e+300"', 1e300],
  ];
  for (const [condition, x] of table) {
    assert.equal(decided(condition, { x }), 'permit', `${condition} with ${JSON.stringify(x)}`);
  }
  assert.equal(decided('context.arguments.x <= 100', { x: 100.5 }), 'policy_error');
  assert.equal(decided('context.arguments.x <= 100', { x: 1e21 }), 'policy_error');
});

test('A1 text is compared by code point: nothing is folded or normalised', () => {
  assert.equal(decided('context.arguments.x == "é"', { x: 'é' }), 'permit');
  assert.equal(decided('context.arguments.x == "é"', { x: 'e\u0301' }), 'no_policy_permits');
  assert.equal(decided('context.arguments["ключ 😀"] == "\\u{1f600}"', { 'ключ 😀': '😀' }), 'permit');
  assert.equal(decided('context.arguments.x like "*"', { x: 'a\0b\nc' }), 'permit');
});

test('A1 text that is not Unicode and nesting without end are refused', () => {
  assert.equal(decided('context.arguments has x', { x: '\ud800' }), 'policy_error');
  assert.equal(decided('context.arguments has x', { '\udfff': 1, x: 1 }), 'policy_error');
  let deep: Json = 1;
  for (let level = 0; level < 5_000; level++) deep = level % 2 ? [deep] : { a: deep };
  assert.equal(decided('context.arguments has x', { x: deep }), 'policy_error');
  for (const args of [{ x: '\ud800' }, { '\udfff': 1 }, { x: deep }]) {
    assert.throws(
      () => cedarArguments(args),
      (error) => error instanceof Fault && error.code === 'invalid_input',
    );
  }
});

test('A1 arguments as deep as a body may be are read', () => {
  let deep: Json = 1;
  for (let level = 0; level < 60; level++) deep = { a: deep };
  assert.equal(decided('context.arguments has x', { x: deep }), 'permit');
});

test('A1 large arguments are read', () => {
  const x = 'x'.repeat(1_000_000);
  assert.equal(decided('context.arguments.x like "*y"', { x: `${x}y` }), 'permit');
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`k${at}`, at]));
  assert.equal(decided('context.arguments.k19999 == 19999', many), 'permit');
});

test('A1 names that mean something to JavaScript are ordinary names', () => {
  const given = JSON.parse('{"__proto__":{"x":1},"constructor":2}') as JsonObject;
  assert.equal(
    decided('context.arguments.__proto__.x == 1 && context.arguments.constructor == 2', given),
    'permit',
  );
  assert.equal(decided('context.arguments has toString', {}), 'no_policy_permits');
});

function decided(condition: string, args: JsonObject): string {
  const set = policies(`permit (principal, action == Action::"tools/call", resource) when { ${condition} };`);
  const decision = set.decide(aQuestion({ context: { arguments: args } }));
  return decision.outcome === 'deny' ? decision.reason : decision.outcome;
}
