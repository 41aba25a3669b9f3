import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rank } from '../../src/policy/compare/outcome-range.ts';
import { widenings } from '../../src/policy/compare/widenings.ts';
import { checkNames } from '../../src/policy/check-names.ts';
import { typeChecker } from '../../src/policy/check-types.ts';
import { compileRule } from '../../src/policy/evaluate/compile-rule.ts';
import { type PolicySet, policySetOf } from '../../src/policy/policy-set.ts';
import type { Question } from '../../src/policy/question.ts';
import { readRules } from '../../src/policy/read-rules.ts';
import type { Rule } from '../../src/policy/rule.ts';
import { actionOf, actions } from '../../src/policy/schema.ts';
import { generatePolicies } from './generated-policies.ts';
import { generateQuestion } from './generated-questions.ts';
import { randomOfCase, type SeededRandom } from './seeded-random.ts';

const pairs = Number(process.env['COUNTERSIGN_DIFFERENTIAL_CASES'] ?? 4_000) / 100;
const seed = Number(process.env['COUNTERSIGN_DIFFERENTIAL_SEED'] ?? Date.now() % 2 ** 31);
const questionsOfAPair = 400;

test('A3 where a change of policies is said to allow nothing more, no question is decided more freely after it', () => {
  process.stdout.write(`policy widening: seed ${seed}, ${pairs} pairs\n`);
  const tally = { nothing: 0, shown: 0, possible: 0, wider: 0 };
  // Some outcomes are rare among few pairs: more are made until each has come up.
  for (let at = 0; at < pairs || (at < 20 * pairs && Object.values(tally).includes(0)); at++) {
    const random = randomOfCase(seed, at);
    const [before, after] = pairOf(random);
    const found = [...widenings(before, after)].filter((one) => one !== null);
    const where = `seed ${seed}, pair ${at}\n${textOf(before)}\n→\n${textOf(after)}`;
    for (const { question, certainty } of found) {
      if (certainty !== 'shown' || !question) continue;
      assert.ok(rank[after.decide(question).outcome] > rank[before.decide(question).outcome], where);
    }
    const isShown = found.some(({ certainty }) => certainty === 'shown');
    tally[found.length === 0 ? 'nothing' : isShown ? 'shown' : 'possible'] += 1;
    for (let asked = 0; asked < questionsOfAPair; asked++) {
      const question = generateQuestion(random);
      if (!isAsked(question)) continue;
      if (rank[after.decide(question).outcome] <= rank[before.decide(question).outcome]) continue;
      tally.wider += 1;
      assert.notEqual(found.length, 0, `${where}\n${JSON.stringify(question)}`);
    }
  }
  process.stdout.write(`policy widening: ${JSON.stringify(tally)}\n`);
  for (const [name, count] of Object.entries(tally)) assert.ok(count > 0, `hardly any ${name}`);
});

/** A set of policies that loads, and one with some of them gone and others come. */
function pairOf(random: SeededRandom): readonly [PolicySet, PolicySet] {
  const one = loadable(generatePolicies(random), 'a');
  const other = loadable(generatePolicies(random), 'b');
  const kept = one.filter(() => !random.once(4));
  const come = random.once(3) ? [] : other.slice(0, 1 + random.below(2));
  return [compiled(one), compiled([...kept, ...come])];
}

/** Those of the policies that pass the checks at load, which everything that is compared has passed. */
function loadable(text: string, prefix: string): readonly Rule[] {
  const check = typeChecker();
  return readRules({ name: 'generated.cedar', text: text.replaceAll('@id("', `@id("${prefix}`) }).filter(
    (rule) => {
      try {
        checkNames(rule);
        check([rule]);
        return true;
      } catch {
        return false;
      }
    },
  );
}

function compiled(rules: readonly Rule[]): PolicySet {
  return policySetOf(rules.map(compileRule), 'v');
}

/** Whether a gateway asks such a question: each method is asked about things of its own kinds. */
function isAsked({ action, target }: Question): boolean {
  const kinds: readonly string[] = actions[actionOf(action)]?.on ?? [];
  return kinds.some((kind) => kind.toLowerCase() === target.kind);
}

function textOf({ policies }: PolicySet): string {
  return policies.map(({ text }) => text).join('\n');
}
