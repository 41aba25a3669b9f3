import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../kernel/canonical-json.ts';
import { cedarReference } from '../cedar-reference.fixture.ts';
import { policySetOf } from '../policy-set.ts';
import { aQuestion } from '../question.fixture.ts';
import { readRules } from '../read-rules.ts';
import { compileRule } from './compile-rule.ts';

const a = 'context.arguments.a';
const b = 'context.arguments.b';
const pairs = ['==', '!=', '<', '<=', '>', '>=', 'in', '&&', '||'].map((sign) => `${a} ${sign} ${b}`);
const sums = ['+', '-', '*'].map((sign) => `${a} ${sign} ${b} * 9007199254740991 * 1025 > 0`);
const sets = ['contains', 'containsAll', 'containsAny'].map((name) => `${a}.${name}(${b})`);
const decimals = ['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'].map(
  (name) => `decimal(${a}).${name}(decimal(${b}))`,
);
const times = ['<', '<=', '>', '>='].map((sign) => `duration(${a}) ${sign} duration(${b})`);
const conditions = [...pairs, ...sums, ...sets, ...decimals, ...times, `ip(${a}).isInRange(ip(${b}))`];
const values: readonly Json[] = [
  0,
  1,
  -1,
  9_007_199_254_740_991,
  -9_007_199_254_740_991,
  true,
  false,
  null,
  'a',
  '0.5',
  '-0.5',
  '-1.0',
  '0.0',
  '1d',
  '-1d',
  '24h',
  '10.0.0.1',
  '10.0.0.0/8',
  '::1',
  [],
  [1],
  [1, 'a'],
  {},
  { a: 1 },
  1.5,
];

test('A1 every operator on every pair of kinds comes to what it comes to in Cedar', () => {
  for (const condition of conditions) {
    const text = `permit (principal, action == Action::"tools/call", resource) when { ${condition} };`;
    const rules = readRules({ name: 'a.cedar', text });
    const compiled = rules.map(compileRule);
    assert.ok(
      compiled.every(({ holds }) => holds !== null),
      condition,
    );
    const [ours, cedar] = [policySetOf(compiled, 'v'), cedarReference(rules, 'v')];
    for (const left of values) {
      for (const right of values) {
        const question = aQuestion({
          context: { arguments: { a: left, b: right } },
        });
        const where = `${condition} ${JSON.stringify([left, right])}`;
        assert.deepEqual(ours.decide(question), cedar.decide(question), where);
      }
    }
  }
});
