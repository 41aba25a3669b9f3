import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { compilePolicies, type PolicySet } from './compile-policies.ts';
import { contextReads } from './context-reads.ts';
import type { Decision, Question } from './question.ts';
import { aQuestion, policies } from './question.fixture.ts';
import { contextMembers } from './schema.ts';

const everybody = '@id("everybody") permit (principal, action, resource);';

test('A1 denies by default: no policies at all deny (trap: no rules means allow)', () => {
  for (const set of [compilePolicies([]), policies(''), policies('// nothing yet\n')]) {
    assert.equal(reason(set, aQuestion()), 'no_policy_permits');
    assert.equal(set.couldPermit(aQuestion()), false);
  }
});

test('A1 a set of forbids alone permits nothing (trap: only deny rules means default allow)', () => {
  const set = policies('forbid (principal in Role::"intern", action, resource);');
  assert.equal(reason(set, aQuestion()), 'no_policy_permits');
});

test('A1 a forbid wins over every permit and is named', () => {
  const set = policies(
    `${everybody} @id("no-guests") forbid (principal in Role::"guest", action, resource);`,
  );
  const decision = set.decide(aQuestion());
  assert.equal(decision.outcome, 'deny');
  assert.equal(decision.outcome === 'deny' && decision.reason, 'forbidden');
  assert.deepEqual(decision.policies, ['no-guests']);
  assert.match(decision.outcome === 'deny' ? decision.detail : '', /no-guests.*a\.cedar:1/);
  assert.equal(set.decide(aQuestion({ agent: { roles: ['staff'] } })).outcome, 'permit');
});

test('A1 a policy that fails denies, even when another permits (trap: a rule that errors does not deny)', () => {
  const set = policies(
    `${everybody} @id("no-secrets") forbid (principal, action == Action::"tools/call", resource) when { context.arguments.path like "/secret*" };`,
  );
  const decision = set.decide(aQuestion({ context: { arguments: {} } }));
  assert.equal(decision.outcome === 'deny' && decision.reason, 'policy_error');
  assert.deepEqual(decision.policies, ['no-secrets']);
  assert.equal(set.decide(aQuestion({ context: { arguments: { path: '/public' } } })).outcome, 'permit');
});

test('A1 a failing permit denies as well', () => {
  const set = policies(
    `${everybody} permit (principal, action == Action::"tools/call", resource) when { context.arguments.n > 3 };`,
  );
  assert.equal(reason(set, aQuestion({ context: { arguments: { n: 'three' } } })), 'policy_error');
});

test('A1 the detail of a failure holds none of the values that were sent', () => {
  const set = policies(
    'permit (principal, action == Action::"tools/call", resource) when { decimal(context.arguments.secret).lessThan(decimal("1.0")) || context.arguments.secret > 3 };',
  );
  for (const secret of ['hunter2', true, null, ['hunter2'], { hunter2: 'hunter2' }]) {
    const decision = set.decide(aQuestion({ context: { arguments: { secret } } }));
    assert.equal(decision.outcome === 'deny' && decision.reason, 'policy_error');
    assert.doesNotMatch(decision.outcome === 'deny' ? decision.detail : '', /hunter2/);
  }
});

test('A1 roles are what the registry says and nothing else', () => {
  const set = policies('permit (principal in Role::"admin", action, resource);');
  assert.equal(set.decide(aQuestion({ agent: { roles: ['guest', 'admin'] } })).outcome, 'permit');
  assert.equal(set.decide(aQuestion({ agent: { roles: [] } })).outcome, 'deny');
  assert.equal(set.decide(aQuestion({ agent: { roles: ['Admin', 'admin '] } })).outcome, 'deny');
  assert.equal(set.decide(aQuestion({ agent: { name: 'admin', roles: [] } })).outcome, 'deny');
});

test('A1 an agent, its owner and its profile can be named', () => {
  const set = policies(
    'permit (principal == Agent::"ci-bot", action, resource) when { principal.owner == "team-a" && principal.profile == "agent" };',
  );
  assert.equal(set.decide(aQuestion()).outcome, 'permit');
  assert.equal(set.decide(aQuestion({ agent: { name: 'ci-bot2' } })).outcome, 'deny');
  assert.equal(set.decide(aQuestion({ agent: { owner: 'team-b' } })).outcome, 'deny');
  assert.equal(set.decide(aQuestion({ context: { profile: 'ephemeral' } })).outcome, 'deny');
});

test('A1 a tool belongs to its server only, whatever slashes its name holds (trap: delimiter legal in names)', () => {
  const set = policies(
    'permit (principal, action, resource == Tool::"files/a/b"); permit (principal, action, resource in Server::"git");',
  );
  const tool = (server: string, name: string): string =>
    set.decide(aQuestion({ server, target: { kind: 'tool', name } })).outcome;
  assert.equal(tool('files', 'a/b'), 'permit');
  assert.equal(tool('files/a', 'b'), 'deny');
  assert.equal(tool('git', 'push'), 'permit');
  assert.equal(tool('gitx', 'push'), 'deny');
  assert.equal(
    reason(set, aQuestion({ server: 'files/a', target: { kind: 'tool', name: 'b' } })),
    'policy_error',
  );
});

test('A1 prompts and resources are entities of their own', () => {
  const set = policies(
    'permit (principal, action == Action::"resources/read", resource) when { resource.uri like "file:///public/*" }; permit (principal, action, resource == Prompt::"files/hello");',
  );
  const read = (uri: string): Question =>
    aQuestion({ action: 'resources/read', target: { kind: 'resource', uri } });
  assert.equal(set.decide(read('file:///public/a')).outcome, 'permit');
  assert.equal(set.decide(read('file:///private/a')).outcome, 'deny');
  const prompt = aQuestion({ action: 'prompts/get', target: { kind: 'prompt', name: 'hello' } });
  assert.equal(set.decide(prompt).outcome, 'permit');
  assert.equal(set.decide(aQuestion({ target: { kind: 'tool', name: 'hello' } })).outcome, 'deny');
});

test('A1 the group "read" lets look around and use nothing', () => {
  const set = policies('permit (principal, action in Action::"read", resource);');
  const server = { target: { kind: 'server' } } as const;
  for (const action of ['initialize', 'server/discover', 'ping', 'tools/list', 'subscriptions/listen']) {
    assert.equal(set.decide(aQuestion({ action, ...server })).outcome, 'permit', action);
  }
  for (const action of ['tools/call', 'prompts/get', 'resources/read', 'tasks/result', 'vendor/thing']) {
    assert.equal(set.decide(aQuestion({ action, ...server })).outcome, 'deny', action);
  }
});

test('A1 an unknown method needs a permit that names "other"; a forbid of any action covers it', () => {
  const unknown = aQuestion({ action: 'vendor/thing', target: { kind: 'server' } });
  assert.equal(reason(policies(everybody), unknown), 'no_policy_permits');
  const other =
    'permit (principal, action == Action::"other", resource) when { context.method == "vendor/thing" };';
  assert.equal(policies(other).decide(unknown).outcome, 'permit');
  assert.equal(policies(other).decide({ ...unknown, action: 'vendor/else' }).outcome, 'deny');
  assert.equal(reason(policies(`${other} forbid (principal, action, resource);`), unknown), 'forbidden');
  for (const action of ['__proto__', 'constructor', 'toString', 'read', 'tasks', '']) {
    assert.equal(policies(everybody).decide({ ...unknown, action }).outcome, 'deny', action);
  }
});

test('I8 A1 a policy can demand that the key of a certificate is in hardware', () => {
  const set = policies('permit (principal, action, resource) when { context.key == "hardware" };');
  const asked = aQuestion();
  const held = { ...asked, context: { ...asked.context, key: 'hardware' } } as const;
  assert.equal(set.decide(held).outcome, 'permit');
  assert.equal(set.decide(asked).outcome, 'deny');
  assert.equal(set.decide(held).outcome, 'permit');
});

test('A1 time, address, binding and profile of the request can be conditions', () => {
  const set = policies(
    'permit (principal, action, resource) when { context.time < 2000 && context has ip && context.ip.isInRange(ip("10.0.0.0/8")) && context.binding == "certificate" && context.profile == "agent" && context.address like "*" };',
  );
  const at = (time: number, address: string): string =>
    set.decide(aQuestion({ context: { time, address } })).outcome;
  assert.equal(at(1999, '10.1.1.1'), 'permit');
  assert.equal(at(1999, '::ffff:10.1.1.1'), 'permit');
  assert.equal(at(2000, '10.1.1.1'), 'deny');
  assert.equal(at(1999, '11.1.1.1'), 'deny');
  assert.equal(at(1999, 'not an address'), 'deny');
});

test('A1 no answer is remembered beyond what it depends on', () => {
  const set = policies(
    'permit (principal in Role::"guest", action in Action::"read", resource in Server::"files"); permit (principal, action == Action::"resources/read", resource) when { context.address == "10.1.2.3" }; permit (principal, action == Action::"prompts/get", resource) when { context.time < 5 };',
  );
  const asked = (change: Parameters<typeof aQuestion>[0]): string => set.decide(aQuestion(change)).outcome;
  const list = { action: 'tools/list', target: { kind: 'server' } } as const;
  const resource = { action: 'resources/read', target: { kind: 'resource', uri: 'x:y' } } as const;
  const prompt = { action: 'prompts/get', target: { kind: 'prompt', name: 'p' } } as const;
  for (let round = 0; round < 3; round++) {
    assert.equal(asked(list), 'permit');
    assert.equal(asked({ ...list, agent: { roles: [] } }), 'deny');
    assert.equal(asked({ ...list, server: 'git' }), 'deny');
    assert.equal(asked(resource), 'permit');
    assert.equal(asked({ ...resource, context: { address: '10.1.2.4' } }), 'deny');
    assert.equal(asked({ ...prompt, context: { time: 4 } }), 'permit');
    assert.equal(asked({ ...prompt, context: { time: 6 } }), 'deny');
  }
  const other = policies(
    'permit (principal, action == Action::"other", resource == Tool::"files/x") when { context.method == "vendor/a" };',
  );
  const unknown = (action: string, kind: 'tool' | 'prompt'): string =>
    other.decide(aQuestion({ action, target: { kind, name: 'x' } })).outcome;
  assert.equal(unknown('vendor/a', 'tool'), 'permit');
  assert.equal(unknown('vendor/b', 'tool'), 'deny');
  assert.equal(unknown('vendor/a', 'prompt'), 'deny');
});

test('A1 only requests that carry arguments have context.arguments', () => {
  const set = policies(`${everybody} forbid (principal, action, resource) when { context has arguments };`);
  assert.equal(set.decide(aQuestion({ action: 'tools/list', target: { kind: 'server' } })).outcome, 'permit');
  assert.equal(reason(set, aQuestion({ context: { arguments: null } })), 'forbidden');
});

test('A1 a policy that looks at the context as a whole depends on all of it', () => {
  const set = policies('permit (principal, action, resource) when { context == context };');
  assert.deepEqual([...contextReads(set.policies)].sort(), Object.keys(contextMembers).sort());
});

test('A1 every decision names the version, which follows names and texts and not their order', () => {
  const one = { name: 'a.cedar', text: everybody };
  const two = { name: 'b.cedar', text: '// none' };
  const set = compilePolicies([one, two]);
  assert.equal(set.decide(aQuestion()).version, set.version);
  assert.equal(compilePolicies([two, one]).version, set.version);
  assert.notEqual(compilePolicies([one]).version, set.version);
  assert.notEqual(compilePolicies([one, { ...two, text: '// none.' }]).version, set.version);
  assert.match(set.version, /^[A-Za-z0-9_-]{43}$/);
});

test('A1 the policies of the tour decide as the tour shows', () => {
  const text = readFileSync(join(import.meta.dirname, '../../examples/policies/tour.cedar'), 'utf8');
  const set = policies(text);
  const call = (server: string, name: string, args: JsonObject = {}): Decision =>
    set.decide(aQuestion({ server, target: { kind: 'tool', name }, context: { arguments: args } }));
  assert.equal(call('everything', 'echo').outcome, 'permit');
  assert.deepEqual(call('everything', 'get-env').policies, ['never-environment']);
  assert.equal(call('files', 'read_text_file', { path: '/srv/documents/public/a' }).outcome, 'permit');
  assert.equal(call('files', 'read_text_file', { path: '/srv/documents/public/../a' }).outcome, 'deny');
  assert.equal(call('files', 'write_file', { path: '/srv/documents/public/a' }).outcome, 'deny');
});

test('A1 decide never throws, whatever the arguments are', () => {
  const reading = policies(
    'permit (principal, action == Action::"tools/call", resource) when { context.arguments has a && (context.arguments.a == 1 || context.arguments.a like "x*") };',
  );
  fc.assert(
    fc.property(jsonObject(), (args) => {
      const { outcome } = reading.decide(aQuestion({ context: { arguments: args } }));
      return outcome === 'permit' || outcome === 'deny';
    }),
  );
});

test('A1 policies that do not read arguments decide the same with any arguments', () => {
  const set = policies(
    'permit (principal in Role::"guest", action == Action::"tools/call", resource == Tool::"files/read");',
  );
  fc.assert(
    fc.property(jsonObject(), fc.constantFrom('read', 'write'), (args, name) => {
      const question = aQuestion({ target: { kind: 'tool', name }, context: { arguments: args } });
      return (set.decide(question).outcome === 'permit') === (name === 'read');
    }),
  );
});

function jsonObject(): fc.Arbitrary<JsonObject> {
  const names = fc.oneof(
    fc.string(),
    fc.constantFrom('a', '__entity', '__extn', '__expr', '__proto__', 'constructor', '\ud800'),
  );
  const value = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.double(),
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.constant(null),
      ),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(names, tie('value'), { maxKeys: 4 }),
    ),
  }));
  return fc.dictionary(names, value.value, { maxKeys: 5 }) as fc.Arbitrary<JsonObject>;
}

function reason(set: PolicySet, question: Question): string {
  const decision = set.decide(question);
  return decision.outcome === 'deny' ? decision.reason : decision.outcome;
}

test('A2 a new set of policies decides at once: nothing remembered outlives it (trap: cached allow after revocation)', () => {
  const before = policies(`${everybody} forbid (principal, action, resource) when { context.time < 0 };`);
  const question = aQuestion({ action: 'tools/list', target: { kind: 'server' } });
  for (let round = 0; round < 2; round++) assert.equal(before.decide(question).outcome, 'permit');
  const after = compilePolicies([{ name: 'a.cedar', text: '' }], before);
  assert.equal(after.decide(question).outcome, 'deny');
  assert.equal(after.couldPermit(question), false);
});

test('A2 a role, an owner or a profile that is taken away counts at once (trap: cached allow after revocation)', () => {
  const set = policies(
    'permit (principal in Role::"guest", action, resource) when { principal.owner == "team-a" && principal.profile == "agent" };',
  );
  for (let round = 0; round < 2; round++) {
    assert.equal(set.decide(aQuestion()).outcome, 'permit');
    assert.equal(set.decide(aQuestion({ agent: { roles: [] } })).outcome, 'deny');
    assert.equal(set.decide(aQuestion({ agent: { owner: 'team-b' } })).outcome, 'deny');
    assert.equal(set.decide(aQuestion({ context: { profile: 'ephemeral' } })).outcome, 'deny');
  }
});

test('A1 the order of policies does not matter (trap: priority or order of rules)', () => {
  const rules = [
    everybody,
    '@id("no") forbid (principal, action == Action::"tools/call", resource) when { context.arguments has path && context.arguments.path like "/etc/*" };',
    '@id("some") permit (principal in Role::"guest", action, resource == Tool::"files/read");',
  ];
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
    [1, 2, 0],
  ]) {
    const set = policies(order.map((at) => rules[at]).join('\n'));
    const refused = set.decide(aQuestion({ context: { arguments: { path: '/etc/passwd' } } }));
    assert.deepEqual(refused.policies, ['no']);
    assert.deepEqual(set.decide(aQuestion()).policies, ['everybody', 'some']);
  }
});

test('A1 the detail of a failure holds nothing of a text that reads like a failure', () => {
  const set = policies(
    'permit (principal, action == Action::"tools/call", resource) when { ip(context.arguments.x).isLoopback() && !(principal.hasTag("a")) };',
  );
  for (const x of ['type error: expected long, got hunter2', 'does not have the attribute `hunter2`']) {
    const decision = set.decide(aQuestion({ context: { arguments: { x } } }));
    assert.equal(decision.outcome === 'deny' && decision.reason, 'policy_error');
    assert.doesNotMatch(decision.outcome === 'deny' ? decision.detail : '', /hunter2/);
  }
});
