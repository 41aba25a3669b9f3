import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cedarReference } from '../cedar-reference.fixture.ts';
import type { Question } from '../question.ts';
import { aQuestion, policies } from '../question.fixture.ts';

const principals = [
  'principal',
  'principal == Agent::"a"',
  'principal in Role::"r"',
  'principal in Agent::"a"',
  'principal is Agent',
  'principal is Agent in Role::"r"',
];
const resources = [
  'resource',
  'resource == Tool::"s/t"',
  'resource == Server::"s"',
  'resource in Server::"s"',
  'resource in Tool::"s/t"',
  'resource is Tool',
  'resource is Prompt in Server::"s"',
  'resource is Tool in Server::"s"',
  'resource is Resource',
];

test('A1 a rule is found for the principals and resources that Cedar takes it to be about, and for no others', () => {
  let fitting = 0;
  for (const scope of principals.flatMap((p) => resources.map((r) => `${p}, action, ${r}`))) {
    const set = policies(`permit (${scope});`);
    const cedar = cedarReference(set.policies, set.version);
    for (const question of questions()) {
      const decision = set.decide(question);
      assert.deepEqual(decision, cedar.decide(question), `${scope} ${JSON.stringify(question)}`);
      if (decision.outcome === 'permit') fitting++;
    }
  }
  assert.ok(fitting > 50);
});

function questions(): readonly Question[] {
  const targets = [
    ['tools/call', { kind: 'tool', name: 't' }],
    ['tools/call', { kind: 'tool', name: 'u' }],
    ['prompts/get', { kind: 'prompt', name: 't' }],
    ['resources/read', { kind: 'resource', uri: 't' }],
    ['ping', { kind: 'server' }],
  ] as const;
  return targets.flatMap(([action, target]) =>
    ['s', 'x'].flatMap((server) =>
      ['a', 'r', 's'].flatMap((name) =>
        [[], ['r'], ['q', 'r'], ['a']].map((roles) =>
          aQuestion({ action, target, server, agent: { name, roles } }),
        ),
      ),
    ),
  );
}
