import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cedarReference } from '../../src/policy/cedar-reference.fixture.ts';
import { compileRule } from '../../src/policy/evaluate/compile-rule.ts';
import { policySetOf } from '../../src/policy/policy-set.ts';
import type { Decision } from '../../src/policy/question.ts';
import { readRules } from '../../src/policy/read-rules.ts';
import { generatePolicies } from './generated-policies.ts';
import { generateQuestion } from './generated-questions.ts';
import { randomOfCase } from './seeded-random.ts';

const cases = Number(process.env['COUNTERSIGN_DIFFERENTIAL_CASES'] ?? 4_000);
const seed = Number(process.env['COUNTERSIGN_DIFFERENTIAL_SEED'] ?? Date.now() % 2 ** 31);
const questionsOfASet = 100;

test('A1 the compiled engine decides as Cedar does, by the same policies and in the same words', () => {
  process.stdout.write(`policy differential: seed ${seed}, ${cases} cases\n`);
  const tally = {
    permit: 0,
    ask: 0,
    forbidden: 0,
    no_policy_permits: 0,
    policy_error: 0,
    shown: 0,
    hidden: 0,
    foreign: 0,
    sets: 0,
  };
  for (let at = 0; at * questionsOfASet < cases; at++) {
    const random = randomOfCase(seed, at);
    const text = generatePolicies(random);
    const rules = readRules({ name: 'generated.cedar', text });
    const own = rules.map(compileRule);
    const compiled = policySetOf(own, 'v');
    const cedar = cedarReference(rules, 'v');
    tally.sets += 1;
    if (own.some(({ holds }) => holds === null)) tally.foreign += questionsOfASet;
    for (let asked = 0; asked < questionsOfASet; asked++) {
      const question = generateQuestion(random);
      const where = `seed ${seed}, set ${at}\n${text}\n${JSON.stringify(question)}`;
      const expected = cedar.decide(question);
      // Asked twice: the second answer comes from what the first one left behind.
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(compiled.decide(question), expected, where);
      }
      tally[nameOf(expected)] += 1;
      // Cedar's partial evaluation of all the rules is slow; a part of the questions is enough.
      if (asked % 20 !== 0) continue;
      const shown = compiled.couldPermit(question);
      // Cedar leaves `context.ip` open beside open arguments, where ours evaluates it.
      if (!/context(?:\.| has )ip/.test(text) && cedar.couldPermit(question))
        assert.ok(shown, `hidden, though it could be permitted\n${where}`);
      if (expected.outcome !== 'deny') assert.ok(shown, `hidden, though it is permitted or asked\n${where}`);
      tally[shown ? 'shown' : 'hidden'] += 1;
    }
  }
  process.stdout.write(`policy differential: ${JSON.stringify(tally)}\n`);
  // A run in which some answer hardly occurs shows nothing about it.
  for (const [name, count] of Object.entries(tally)) assert.ok(count > cases / 2_000, `hardly any ${name}`);
});

function nameOf(decision: Decision): 'permit' | 'ask' | Extract<Decision, { outcome: 'deny' }>['reason'] {
  return decision.outcome === 'deny' ? decision.reason : decision.outcome;
}
