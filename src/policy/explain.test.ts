import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain, type Finding } from './explain.ts';
import type { Question } from './question.ts';
import { aQuestion, policies } from './question.fixture.ts';

test('A3 an explanation holds the decision that is made', () => {
  const set = policies('permit (principal in Role::"guest", action, resource);');
  for (const roles of [['guest'], []]) {
    const question = aQuestion({ agent: { roles } });
    assert.deepEqual(explain(set, question).decision, set.decide(question));
  }
});

test('A3 an explanation says of each policy whether it applies, and which part of its scope does not fit', () => {
  assert.equal(one('permit (principal, action, resource);').result, 'applies');
  assert.deepEqual(one('permit (principal in Role::"staff", action, resource);').mismatch, ['principal']);
  assert.deepEqual(one('permit (principal, action == Action::"ping", resource);').mismatch, ['action']);
  assert.deepEqual(one('permit (principal, action, resource in Server::"git");').mismatch, ['resource']);
  const both = one('permit (principal == Agent::"b", action, resource == Tool::"files/write");');
  assert.deepEqual(both.mismatch, ['principal', 'resource']);
  assert.equal(both.nearMiss, false);
});

test('A3 an explanation names the first condition that does not hold, though others rely on it', () => {
  const text =
    'permit (principal, action == Action::"tools/call", resource) when { principal in Role::"guest" && context.arguments has path && context.arguments.path like "/x*" };';
  const missing = one(text);
  assert.deepEqual(missing.unmet, ['when { context.arguments has path }']);
  assert.equal(missing.nearMiss, true);
  const other = one(text, aQuestion({ context: { arguments: { path: '/y' } } }));
  assert.deepEqual(other.unmet, ['when { context.arguments.path like "/x*" }']);
  const unless = one('permit (principal, action, resource) unless { principal in Role::"guest" };');
  assert.deepEqual(unless.unmet, ['unless { principal in Role::"guest" }']);
});

test('A3 an explanation says that a policy fails', () => {
  const failing = one(
    'forbid (principal, action == Action::"tools/call", resource) when { context.arguments.n > 3 };',
  );
  assert.equal(failing.result, 'fails');
  assert.equal(failing.nearMiss, false);
});

test('A3 a permit of any action is explained not to cover an unknown method', () => {
  const unknown = aQuestion({ action: 'vendor/x', target: { kind: 'server' } });
  assert.deepEqual(one('permit (principal, action, resource);', unknown).mismatch, ['action']);
});

function one(text: string, question: Question = aQuestion()): Finding {
  const [finding] = explain(policies(text), question).findings;
  assert.ok(finding);
  return finding;
}
