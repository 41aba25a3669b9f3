import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../kernel/fault.ts';
import { compilePolicies, compilePoliciesInTurns } from './compile-policies.ts';
import { policies } from './question.fixture.ts';

test('A3 a file of nothing or of comments is fine', () => {
  for (const text of ['', '\n', '// nothing', '\uFEFF'.slice(1), '// a;\n// "b"\n']) {
    assert.deepEqual(policies(text).policies, []);
  }
});

test('A3 a policy has its @id, or its file and number', () => {
  const set = compilePolicies([
    {
      name: 'b.cedar',
      text: '// ; "\n@id("first") permit (principal, action, resource);\n\npermit (principal, action, resource)\nwhen { principal.name == "a;b" };',
    },
    { name: 'a.cedar', text: 'forbid (principal, action, resource);' },
  ]);
  assert.deepEqual(
    set.policies.map(({ id, effect, file, line }) => [id, effect, file, line]),
    [
      ['first', 'permit', 'b.cedar', 2],
      ['b.cedar#2', 'permit', 'b.cedar', 4],
      ['a.cedar#1', 'forbid', 'a.cedar', 1],
    ],
  );
});

test('A3 more than ten policies of a file keep their order and places', () => {
  const text = Array.from(
    { length: 25 },
    (_, at) => `permit (principal == Agent::"a${at}", action, resource);`,
  );
  const set = policies(text.join('\n'));
  for (const [at, rule] of set.policies.entries()) {
    assert.equal(rule.id, `a.cedar#${at + 1}`);
    assert.equal(rule.line, at + 1);
    assert.equal(rule.text, text[at]);
  }
});

test('A3 two policies with one id are refused, over files as well', () => {
  const permit = '@id("one") permit (principal, action, resource);';
  const fault = refused(() =>
    compilePolicies([
      { name: 'a.cedar', text: permit },
      { name: 'b.cedar', text: `\n${permit}` },
    ]),
  );
  assert.match(fault.message, /^b\.cedar:2:1: .*"one".*a\.cedar:1/);
  refused(() =>
    policies(`@id("a.cedar#2") permit (principal, action, resource); permit (principal, action, resource);`),
  );
});

/** Each line: the policy, where the fault is, and what its text must name. */
const refusals: readonly (readonly [string, string, RegExp])[] = [
  // What does not exist never matches: a typo would be a rule that is not there.
  ['permit (principal, action == Action::"tools/cal", resource);', '1:38', /"tools\/call"/],
  ['permit (principal, action in [Action::"ping", Action::"tool/list"], resource);', '1:55', /"tools\/list"/],
  ['permit (principal, action in Action::"reed", resource);', '1:38', /"read"/],
  ['permit (principal in Rol::"guest", action, resource);', '1:22', /"Role"/],
  ['permit (principal is Agnt, action, resource);', '1:22', /"Agent"/],
  ['permit (principal, action, resource == Toll::"a/b");', '1:40', /"Tool"/],
  ['permit (principal, action, resource is Tool in Servr::"a");', '1:48', /"Server"/],
  ['permit (principal, action, resource) when { resource is Tol };', '1:57', /"Tool"/],
  ['permit (principal, action, resource)\nwhen { action == Action::"tools/cal" };', '2:26', /"tools\/call"/],
  ['permit (principal, action, resource) when { principal in [Role::"a", Rola::"b"] };', '1:70', /"Role"/],
  ['permit (principal, action, resource) when { context.tme > 3 };', '1:53', /"time"/],
  ['permit (principal, action, resource) when { context["tme"] > 3 };', '1:53', /"time"/],
  ['permit (principal, action, resource) when { context has tme && context.tme > 3 };', '1:57', /"time"/],
  ['forbid (principal, action, resource) unless { principal.ownr == "a" };', '1:57', /"owner"/],
  ['forbid (principal, action, resource) when { resource has url };', '1:58', /"uri"/],
  [
    'permit (principal, action == Action::"tools/call", resource) when { context.argument.x == 1 };',
    '1:77',
    /"arguments"/,
  ],
  ['permit (principal, action, resource == Tool::"echo");', '1:46', /Tool::"server\/echo"/],
  // What Cedar's own validator sees.
  ['permit (principal, action, resource) when { context.time > "now" };', '1:60', /Long.*String/],
  ['permit (principal, action, resource) when { resource.uri like "x" };', '1:45', /uri/],
  ['permit (principal, action, resource) when { context.ip.isLoopback() };', '1:45', /has ip/],
  ['permit (principal, action == Action::"tools/list", resource == Tool::"a/b");', '1:1', /never apply/],
  ['forbid (principal, action, resource == Role::"a");', '1:1', /never apply/],
  ['permit (principal, action, resource) when { principal.name == 3 };', '1:45', /types/],
  // Arguments are open, what stands beside them is not.
  [
    'permit (principal, action == Action::"tools/call", resource) when { context.arguments.x == resource.uri };',
    '1:101',
    /uri/,
  ],
  [
    'permit (principal, action == Action::"tools/call", resource) when { context.arguments.x && context.time };',
    '1:1',
    /Bool/,
  ],
  ['permit (principal, action, resource) when { context.arguments.x == 3 };', '1:53', /tools\/call/],
  // What is not Cedar.
  ['// é😀\npermit (principal, action, resource) when { foo };', '2:45', /foo/],
  ['permit (principal, action, resource)', '1:37', /end of input/],
  ['permit (principal, action, resource) when { context.time === 3 };', '1:60', /token/],
  ['allow (principal, action, resource);', '1:1', /permit/],
  ['permit (principal == ?principal, action, resource);', '1:22', /template/],
  ['@id("a") @id("b") permit (principal, action, resource);', '1:10', /id/],
  ['@id("") permit (principal, action, resource);', '1:1', /@id/],
  ['permit (principal, action, resource) when { context.time < 9007199254740992 };', '1:1', /2\^53/],
  // CVE-2021-42574
  ['permit (principal, action, resource); // \u202e', '1:42', /invisible/],
];

test('A3 what cannot mean what its author meant is refused at load, with place and nearest match', () => {
  for (const [text, place, names] of refusals) {
    const fault = refused(() => policies(text));
    assert.ok(fault.message.startsWith(`a.cedar:${place}: `), `${text}\n${fault.message}`);
    assert.match(fault.message, names, text);
  }
});

test('A3 the same policies are refused with the same words each time', () => {
  const text =
    'permit (principal, action, resource) when { resource.uri like "x" && context.ip.isLoopback() };';
  const messages = Array.from({ length: 20 }, () => refused(() => policies(text)).message);
  assert.equal(new Set(messages).size, 1);
});

test('A3 conditions on arguments of any shape are accepted', () => {
  const conditions = [
    'context.arguments.a.b["c d"].contains(principal)',
    'context.arguments has a.b.c && context.arguments.a.b.c like "x*"',
    '!(context.arguments has n) || (if context.arguments has m then context.arguments.m else 3) > 3',
    'context.arguments.amount.lessThan(decimal("3.5")) && ip(context.arguments.host).isLoopback()',
    '[context.arguments.a, "b"].contains(context.arguments.b)',
    'context.arguments.owner == principal.owner && {x: context.arguments.x} == {x: principal.name}',
    'context.arguments.n + 1 > context.time && -context.arguments.n < 3',
    'context.arguments.list.isEmpty() || context.arguments.list.containsAny(["a"])',
    'context.arguments.x == Null::"null" && context.arguments == context.arguments',
  ];
  for (const condition of conditions) {
    policies(`permit (principal, action == Action::"tools/call", resource) when { ${condition} };`);
  }
  policies(
    'permit (principal, action, resource) when { context has arguments.path && context.arguments.path == "x" };',
  );
  policies(
    'forbid (principal, action, resource) when { context has arguments && context.arguments has force };',
  );
});

function refused(run: () => unknown): Fault {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, 'policy_invalid');
    return error;
  }
  throw new assert.AssertionError({ message: 'the policies were not refused' });
}

test('A3 the same policies are compiled alike at once, in turns and after an earlier set', async () => {
  const text = Array.from(
    { length: 70 },
    (_, at) => `permit (principal, action, resource) when { context.time > ${at} };`,
  ).join('\n// between\n');
  const files = [{ name: 'a.cedar', text: `// above\n${text}\n// below` }];
  const whole = compilePolicies(files);
  const earlier = compilePolicies([
    { name: 'a.cedar', text: `forbid (principal, action, resource);\n${text}` },
  ]);
  for (const set of [await compilePoliciesInTurns(files, null), compilePolicies(files, earlier)]) {
    assert.deepEqual(set.policies, whole.policies);
    assert.equal(set.version, whole.version);
  }
});

test('A3 compiling in turns lets others have theirs', async () => {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    if (turns < 1_000) next = setImmediate(count);
  };
  let next = setImmediate(count);
  const text = 'permit (principal, action, resource);\n'.repeat(200);
  await compilePoliciesInTurns([{ name: 'a.cedar', text }], null);
  clearImmediate(next);
  assert.ok(turns >= 10, `${turns} turns`);
});

test('A3 what is new in a set is checked, whatever was there before', async () => {
  const good = 'permit (principal, action, resource);';
  const earlier = policies(good);
  const files = [{ name: 'a.cedar', text: `${good}\npermit (principal in Rol::"guest", action, resource);` }];
  assert.throws(() => compilePolicies(files, earlier), { message: /^a\.cedar:2:22: .*"Role"/ });
  await assert.rejects(compilePoliciesInTurns(files, earlier), { message: /^a\.cedar:2:22: / });
});
