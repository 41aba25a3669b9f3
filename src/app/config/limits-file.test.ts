import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLimits } from './limits-file.ts';

const whole = `
limits:
  - name: search
    per: [agent, tool]
    agents: [ci-bot]
    roles: [guest]
    persons: [ann]
    servers: [web]
    tools: [web/search]
    rate: { calls: 10, seconds: 60, burst: 20 }
    concurrent: 3
    budget:
      hour: { calls: 100 }
      day: { calls: 500, octets: 1000000 }
  - name: everybody
    concurrent: 100
`;

test('T7 every member of limits.yaml means what it says, and what is left out bounds nothing', () => {
  const [search, everybody] = readLimits('limits.yaml', whole);
  assert.deepEqual(search, {
    name: 'search',
    per: ['agent', 'tool'],
    only: {
      agents: new Set(['ci-bot']),
      roles: new Set(['guest']),
      persons: new Set(['ann']),
      servers: new Set(['web']),
      tools: new Set(['web/search']),
    },
    rate: { calls: 10, milliseconds: 60_000, burst: 20 },
    concurrent: 3,
    budget: { hour: { calls: 100, octets: null }, day: { calls: 500, octets: 1_000_000 } },
  });
  assert.deepEqual(everybody, {
    name: 'everybody',
    per: [],
    only: { agents: null, roles: null, persons: null, servers: null, tools: null },
    rate: null,
    concurrent: 100,
    budget: { hour: null, day: null },
  });
});

test('T7 limits are frozen all the way down', () => {
  const rules = readLimits('limits.yaml', whole);
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' ||
    value === null ||
    value instanceof Set ||
    (Object.isFrozen(value) && Object.values(value).every(frozen));
  assert.ok(frozen(rules));
});

test('T7 a rate of so many calls lets as many come at once unless a burst is given', () => {
  const [rule] = readLimits('l', 'limits: [{ name: a, per: agent, rate: { calls: 7 } }]');
  assert.deepEqual(rule?.rate, { calls: 7, milliseconds: 1_000, burst: 7 });
});

const wrong: readonly (readonly [string, string, RegExp])[] = [
  [
    'a misspelt member',
    'limits:\n  - name: a\n    concurent: 3\n',
    /line 3: .*concurent is not a setting.*concurrent\?/,
  ],
  ['a misspelt list', 'limit:\n  - name: a\n', /limit is not a setting. Did you mean limits\?/],
  ['a misspelt budget', 'limits:\n  - name: a\n    budget: { huor: { calls: 1 } }\n', /hour\?/],
  [
    'an unknown subject',
    'limits:\n  - name: a\n    per: agents\n    concurrent: 1\n',
    /line 3: .*must be one of agent, person, server, tool/,
  ],
  [
    'a limit that limits nothing',
    'limits:\n  - name: a\n    per: agent\n',
    /line 2: .*must have rate, concurrent or budget/,
  ],
  ['an empty budget', 'limits: [{ name: a, budget: { day: {} } }]', /must say calls, octets or both/],
  ['a number below one', 'limits: [{ name: a, concurrent: 0 }]', /must be at least 1/],
  ['a number that is text', 'limits: [{ name: a, concurrent: "3" }]', /must be a (whole )?number/],
  [
    'a tool without its server',
    'limits: [{ name: a, tools: [search], concurrent: 1 }]',
    /must be server\/tool/,
  ],
  [
    'two limits of one name',
    'limits: [{ name: a, concurrent: 1 }, { name: a, concurrent: 2 }]',
    /two limits are called "a"/,
  ],
  ['an empty list of agents', 'limits: [{ name: a, agents: [], concurrent: 1 }]', /at least 1/],
  ['no YAML', 'limits: [', /line 1/],
  [
    'too many limits',
    `limits: [${Array.from({ length: 65 }, (_, at) => `{ name: r${at}, concurrent: 1 }`).join()}]`,
    /at most 64/,
  ],
];

for (const [what, text, said] of wrong) {
  test(`T7 limits.yaml with ${what} is refused whole and says where`, () => {
    assert.throws(() => readLimits('limits.yaml', text), { code: 'config_invalid', message: said });
  });
}
