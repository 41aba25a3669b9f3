import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFault } from '../../audit/log.fixture.ts';
import type { Issuance } from './alert.ts';
import { nameFilter, readExpected } from './expected-issuances.ts';

const issuance: Issuance = {
  index: 1,
  time: '',
  stage: 'reserved',
  serial: '01',
  name: 'pay-eu-1',
  kind: 'agent',
  door: 'join-token',
  owner: 'alice',
  keyHash: 'a'.repeat(43),
  replaces: null,
  notAfter: 0,
};

test('I9 an issuance is expected when one entry fits it in everything that it names', () => {
  const rule = (text: string): boolean => readExpected('f', `expected: [${text}]`)(issuance);
  assert.ok(rule('{ name: "pay-*" }'));
  assert.ok(
    rule('{ name: other }, { name: "*", kinds: [admin, agent], doors: [join-token], owners: [alice] }'),
  );
  assert.ok(rule(`{ name: pay-eu-1, keys: [${'a'.repeat(43)}] }`));
  for (const text of [
    '',
    '{ name: pay }',
    '{ name: "pay-*", kinds: [admin] }',
    '{ name: "pay-*", doors: [renewal] }',
    '{ name: "pay-*", owners: [bob] }',
    `{ name: "pay-*", keys: [${'b'.repeat(43)}] }`,
    '{ name: "pay-*", keys: [] }',
  ]) {
    assert.ok(!rule(text), text);
  }
  const unnoted = { ...issuance, owner: null, keyHash: null };
  assert.ok(
    !readExpected('f', 'expected: [{ name: "*", owners: [alice] }]')(unnoted),
    'unknown is not expected',
  );
});

test('bad input: a list of what is expected with a slip in it is refused, with the line', () => {
  for (const text of [
    '',
    'expected: {}',
    'expected:\n  - { name: "a b" }',
    'expected:\n  - { name: x, kind: agent }',
    'expected:\n  - { kinds: [agent] }',
    'expected:\n  - { name: x, keys: [abc] }',
    'expected:\n  - { name: x, doors: [] }',
    'expect: []',
  ]) {
    assert.throws(() => readExpected('expected.yaml', text), isFault('config_invalid'), text);
  }
  assert.throws(() => readExpected('f', 'expected:\n  - { name: x, kind: agent }'), /line 2/);
  assert.throws(() => nameFilter(['A']), isFault('invalid_input'));
});

test('I9 a star stands for any characters, as a regular expression would have it', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 6 });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), word, word, (parts, more, name) => {
      const pattern = parts.join('*');
      if (!/^[a-z0-9*]([a-z0-9._*-]{0,62}[a-z0-9*])?$/.test(pattern)) return;
      const filter = nameFilter([pattern]);
      const expression = new RegExp(`^${parts.join('.*')}$`);
      for (const text of [name, parts.join(more), parts.join('')]) {
        assert.equal(filter(text), expression.test(text), `${pattern} ${text}`);
      }
    }),
  );
});
