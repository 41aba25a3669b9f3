import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policies } from '../question.fixture.ts';
import { type Widening, widenings } from './widenings.ts';

const call = 'action == Action::"tools/call"';
const guests = `permit (principal in Role::"guest", ${call}, resource == Tool::"files/read");`;
const under = (path: string, more = ''): string =>
  `permit (principal in Role::"guest", ${call}, resource == Tool::"files/read") when { context.arguments has path && context.arguments.path like "${path}"${more} };`;

/** Each line: the policies before, those after, and whether that is wider: `no` is a proof, `yes` is shown by a question. */
const rows: readonly (readonly [string, string, 'yes' | 'no' | 'maybe'])[] = [
  ['', guests, 'yes'],
  [guests, '', 'no'],
  [guests, guests, 'no'],
  [guests, `// said otherwise\n@id("x") ${guests}`, 'no'],
  // Roles, agents and servers.
  [guests, guests.replace('"guest"', '"staff"'), 'yes'],
  [guests, guests.replace('principal in Role::"guest"', 'principal'), 'yes'],
  [guests.replace('principal in Role::"guest"', 'principal'), guests, 'no'],
  [guests, guests.replace('principal in Role::"guest"', 'principal is Agent in Role::"guest"'), 'no'],
  [guests, guests.replace('in Role::"guest"', '== Agent::"a"'), 'yes'],
  [guests, guests.replace('== Tool::"files/read"', 'in Server::"files"'), 'yes'],
  [guests.replace('== Tool::"files/read"', 'in Server::"files"'), guests, 'no'],
  [
    guests.replace('== Tool::"files/read"', 'in Server::"files"'),
    guests.replace(';', ' when { resource.server == "files" };'),
    'no',
  ],
  [guests, guests.replace(call, 'action'), 'no'],
  [
    guests,
    `permit (principal in Role::"guest", action, resource in Server::"files") when { resource.name == "read" };`,
    'yes',
  ],
  [
    guests,
    `permit (principal in Role::"guest", ${call}, resource in Server::"files") when { resource.name == "read" };`,
    'maybe',
  ],
  // Conditions.
  [guests, guests.replace(';', ' when { context.profile == "agent" };'), 'no'],
  [guests.replace(';', ' when { context.profile == "agent" };'), guests, 'yes'],
  [under('/srv/public/*'), under('/srv/*'), 'yes'],
  [under('/srv/*'), under('/srv/public/*'), 'no'],
  [under('/srv/*'), under('/srv/*', ' && !(context.arguments.path like "*..*")'), 'no'],
  [under('/srv/*', ' && !(context.arguments.path like "*..*")'), under('/srv/*'), 'yes'],
  [under('/srv/*'), under('/srv/*').replace('context.arguments has path && ', ''), 'no'],
  [under('/srv/*'), under('/srv/*').replace('like "/srv/*"', '== "/srv/a"'), 'no'],
  [under('/srv/*'), under('/srv/*').replace('like "/srv/*"', '== "/etc/a"'), 'yes'],
  [
    guests.replace(';', ' when { context.time < 5000 };'),
    guests.replace(';', ' when { context.time < 4000 };'),
    'no',
  ],
  [
    guests.replace(';', ' when { context.time < 5000 };'),
    guests.replace(';', ' when { 6000 > context.time };'),
    'yes',
  ],
  [
    guests.replace(';', ' when { context.scopes.contains("a") };'),
    guests.replace(';', ' when { context.scopes.contains("b") };'),
    'yes',
  ],
  [
    guests.replace(';', ' when { context has person && context.person like "sso:*" };'),
    guests.replace(';', ' when { context has person };'),
    'yes',
  ],
  [
    guests.replace(';', ' when { context has ip && context.ip.isInRange(ip("10.0.0.0/16")) };'),
    guests.replace(';', ' when { context has ip && context.ip.isInRange(ip("10.0.0.0/8")) };'),
    'maybe',
  ],
  // Forbids and what asks.
  [`${guests} forbid (principal, action, resource) when { context.profile == "ephemeral" };`, guests, 'yes'],
  [guests, `${guests} forbid (principal, action, resource) when { context.profile == "ephemeral" };`, 'no'],
  [
    `${guests} forbid (principal in Role::"x", action, resource);`,
    `${guests} @ask("why") forbid (principal in Role::"x", ${call}, resource);`,
    'yes',
  ],
  [`${guests} @ask("why") forbid (principal, ${call}, resource);`, guests, 'yes'],
  [guests, `${guests} @ask("why") forbid (principal, ${call}, resource);`, 'no'],
  [`${guests} forbid (principal, ${call}, resource) when { context.arguments.n > 3 };`, guests, 'yes'],
  [`${guests} forbid (principal, action, resource in Server::"git");`, guests, 'no'],
  // Two policies that were one.
  [
    'permit (principal, action in Action::"read", resource) when { principal in [Role::"a", Role::"b"] };',
    'permit (principal in Role::"a", action in Action::"read", resource); permit (principal in Role::"b", action in Action::"read", resource);',
    'no',
  ],
];

for (const [before, after, wider] of rows) {
  test(`A3 what a change of policies allows more is told (${wider}): ${before || 'nothing'} → ${after || 'nothing'}`, () => {
    const found = all(before, after);
    const worst = found.some(({ certainty }) => certainty === 'shown')
      ? 'yes'
      : found.length > 0
        ? 'maybe'
        : 'no';
    assert.equal(worst, wider, JSON.stringify(found.map(({ certainty, question }) => [certainty, question])));
    for (const { question, certainty } of found) assert.equal(question !== null, certainty === 'shown');
  });
}

test('A3 what a change allows more names the policy, the tool and what stood in the way', () => {
  const [found, ...others] = all(
    `${guests} @id("not-at-night") forbid (principal, action, resource) when { context.time < 1000 };`,
    guests,
  );
  assert.equal(others.length, 0);
  assert.deepEqual(
    found?.gone.map(({ id }) => id),
    ['not-at-night'],
  );
  assert.equal(found?.cell.resource.name, 'read');
  assert.deepEqual(
    [found?.before, found?.after, found?.question?.agent.roles],
    ['deny', 'permit', ['guest']],
  );
});

test('A3 fifty roles and as many tools are compared without trying every set of roles', () => {
  const many = Array.from(
    { length: 50 },
    (_, at) =>
      `permit (principal in Role::"r${at}", ${call}, resource in Server::"s") when { context.arguments has a${at} && context.arguments.a${at} == "x" };`,
  );
  const [before, after] = [
    many.join('\n'),
    [...many, `permit (principal in Role::"new", ${call}, resource in Server::"s");`].join('\n'),
  ];
  assert.deepEqual(
    all(before, after).map(({ certainty }) => certainty),
    ['shown'],
  );
  assert.deepEqual(all(after, before), []);
});

function all(before: string, after: string): readonly Widening[] {
  return [...widenings(policies(before), policies(after))].filter((found) => found !== null);
}
