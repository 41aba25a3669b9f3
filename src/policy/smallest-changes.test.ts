import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aQuestion, policies } from './question.fixture.ts';
import { smallestChanges } from './smallest-changes.ts';
import type { Question } from './question.ts';

const call = 'action == Action::"tools/call"';

test('A3 for a refusal the role that would allow it is found by deciding again', () => {
  const found = changes(
    `permit (principal in Role::"staff", ${call}, resource in Server::"files"); permit (principal in Role::"other", ${call}, resource in Server::"git");`,
  );
  assert.deepEqual(found, [
    'give the agent the role "staff"',
    'add permit (principal == Agent::"ci-bot", action == Action::"tools/call", resource == Tool::"files/read");',
  ]);
});

test('A3 for a refusal the condition that would have to be met is found, of arguments and of the token', () => {
  const [path] = changes(
    `permit (principal, ${call}, resource) when { context.arguments has path && context.arguments.path like "/srv/*" && !(context.arguments.path like "*..*") };`,
  );
  assert.equal(path, 'call it with the argument path "/srv/x"');
  const [scope] = changes(
    `permit (principal, action, resource) when { context.scopes.contains("files:read") };`,
  );
  assert.equal(scope, 'ask with a token with the scope "files:read"');
  const [key] = changes(`permit (principal, action, resource) when { context.key == "hardware" };`);
  assert.equal(key, 'ask with the key "hardware"');
  const [limit] = changes(
    `permit (principal, ${call}, resource) when { context.arguments has n && context.arguments.n < 5 };`,
  );
  assert.equal(limit, 'call it with the argument n 4');
});

test('A3 where one change is not enough, two are named', () => {
  const [both] = changes(
    `permit (principal in Role::"staff", action, resource) when { context has person && context.person == "sso:alice" };`,
  );
  assert.equal(both, 'give the agent the role "staff", and ask with the person "sso:alice"');
});

test('A3 where a policy forbids, no role is named that would not help, but the exception', () => {
  const found = changes(
    `permit (principal in Role::"guest", ${call}, resource); @id("never") forbid (principal, ${call}, resource == Tool::"files/read");`,
  );
  assert.deepEqual(found, ['let policy "never" except the agent: unless { principal == Agent::"ci-bot" }']);
  const both = changes(`@id("never") forbid (principal, ${call}, resource == Tool::"files/read");`);
  assert.match(both.join(), /^let policy "never" except .*; add permit \(/);
});

test('A3 for what is permitted or asked about there is nothing to change', () => {
  assert.deepEqual(changes('permit (principal, action, resource);'), []);
});

test('A3 what is asked about once it is changed is told so', () => {
  const [found] = smallestChanges(
    policies(
      `permit (principal in Role::"staff", ${call}, resource); @ask("why") forbid (principal, ${call}, resource);`,
    ),
    aQuestion(),
  );
  assert.deepEqual([found?.kind, found?.outcome], ['role', 'ask']);
});

function changes(text: string, question: Question = aQuestion()): readonly string[] {
  return smallestChanges(policies(text), question).map((change) => change.text);
}
