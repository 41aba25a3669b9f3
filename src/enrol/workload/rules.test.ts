import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { matchRule } from './match-rule.ts';
import { readNameTemplate } from './name-template.ts';
import { readSubjectPattern } from './subject-pattern.ts';
import { issuerOf } from './workload.fixture.ts';
import type { WorkloadRule } from './workload-issuer.ts';

const invalid = { name: 'Fault', code: 'config_invalid' };
const refused = { name: 'Fault', code: 'workload_refused' };

describe('I3 which workload is which name', () => {
  test('a subject is its literal parts, and a name in braces is what has no colon and no slash', () => {
    const pattern = readSubjectPattern('repo:acme/{repository}:ref:refs/heads/main');
    assert.deepEqual(pattern.match('repo:acme/tools:ref:refs/heads/main'), { repository: 'tools' });
    const others = [
      'repo:acme/:ref:refs/heads/main',
      'repo:acme/a/b:ref:refs/heads/main',
      'repo:acme/a:b:ref:refs/heads/main',
      'repo:acme/tools:ref:refs/heads/mainly',
      'xrepo:acme/tools:ref:refs/heads/main',
      'repo:acme/tools:ref:refs/heads/main\n',
      'repo:evil/tools:ref:refs/heads/main',
    ];
    for (const other of others) assert.equal(pattern.match(other), null, JSON.stringify(other));
  });

  test('a character that means something in an expression stands for itself', () => {
    const pattern = readSubjectPattern('a.b*c[d](e)+^$|\\{name}');
    assert.deepEqual(pattern.match('a.b*c[d](e)+^$|\\x'), { name: 'x' });
    assert.equal(pattern.match('axbbbcd(e)+^$|\\x'), null);
  });

  const wrongSubjects = ['a:{b}{c}', 'a:{b', 'a:b}', 'a:{B}', 'a:{b}:{b}'];
  for (const text of wrongSubjects) {
    test(`the subject ${text} is refused when it is read`, () => {
      assert.throws(() => readSubjectPattern(text), invalid);
    });
  }

  const wrongNames = [
    '{account}',
    '{namespace}{account}',
    '{namespace}_{account}_{other}',
    'fixed',
    '{namespace',
  ];
  for (const text of wrongNames) {
    test(`the name ${text} for a subject with namespace and account is refused when it is read`, () => {
      assert.throws(() => readNameTemplate(text, ['namespace', 'account']), invalid);
    });
  }

  test('two workloads never get one name: a part that holds the separator is refused', () => {
    const name = readNameTemplate('{namespace}-{account}', ['namespace', 'account']);
    assert.equal(name.from({ namespace: 'a', account: 'b' }), 'a-b');
    // a-b and c would be what a and b-c are.
    assert.throws(() => name.from({ namespace: 'a-b', account: 'c' }), refused);
    assert.throws(() => name.from({ namespace: 'a', account: 'b-c' }), refused);
  });

  test('the first rule that matches decides, and claims are part of it', () => {
    const ruleFor = (subject: string, more: Partial<WorkloadRule>): WorkloadRule => {
      const pattern = readSubjectPattern(subject);
      const name = readNameTemplate('{x}', pattern.names);
      return {
        subject: pattern,
        claims: new Map(),
        patterns: new Map(),
        name,
        kind: 'agent',
        dnsNames: [],
        ...more,
      };
    };
    const issuer = issuerOf({
      rules: [
        ruleFor('w:{x}', { kind: 'server', claims: new Map([['/a~1b/~0', [1, 'one']]]) }),
        ruleFor('w:{x}', { claims: new Map([['/groups', ['ops']]]) }),
      ],
    });
    const kindFor = (claims: JsonObject): string => matchRule(issuer, 'w:x', claims).kind;
    assert.equal(kindFor({ 'a/b': { '~': 'one' }, groups: ['ops'] }), 'server');
    assert.equal(kindFor({ 'a/b': { '~': 1 } }), 'server');
    assert.equal(kindFor({ 'a/b': { '~': '1' }, groups: ['dev', 'ops'] }), 'agent');
    const none: readonly JsonObject[] = [
      {},
      { groups: 'op' },
      { groups: { 0: 'ops' } },
      { groups: [['ops']] },
    ];
    for (const claims of none) assert.throws(() => kindFor(claims), refused, JSON.stringify(claims));
    assert.throws(() => matchRule(issuer, 'v:x', { groups: ['ops'] }), refused);
  });

  test('U8 a claim may hold the rest of a name: one text that its pattern matches, and nothing else', () => {
    const subject = readSubjectPattern('system:serviceaccount:edge:gateway');
    const pod = readSubjectPattern('{pod}');
    const issuer = issuerOf({
      rules: [
        {
          subject,
          claims: new Map(),
          patterns: new Map([['/kubernetes.io/pod/name', pod]]),
          name: readNameTemplate('{pod}', pod.names),
          kind: 'gateway',
          dnsNames: [readNameTemplate('gateway.example.internal', [])],
        },
      ],
    });
    const match = (name: Json) => matchRule(issuer, subject.text, { 'kubernetes.io': { pod: { name } } });
    assert.deepEqual(match('gateway-0'), {
      name: 'gateway-0',
      kind: 'gateway',
      dnsNames: ['gateway.example.internal'],
    });
    const wrong: readonly Json[] = ['', 'a/b', 'a:b', 7, null, [], ['a', 'b'], [['a']], { 0: 'a' }, true];
    for (const name of wrong) assert.throws(() => match(name), refused, JSON.stringify(name));
    assert.throws(() => matchRule(issuer, subject.text, {}), refused);
  });

  test('a claim that only the prototype of objects has is none', () => {
    const [rule] = issuerOf().rules;
    assert.ok(rule);
    const claims = new Map([['/constructor/name', ['Object']]]);
    const issuer = issuerOf({ rules: [{ ...rule, claims }] });
    assert.throws(() => matchRule(issuer, 'system:serviceaccount:agents:a', {}), refused);
  });
});
