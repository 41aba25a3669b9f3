import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../kernel/fault.ts';
import { readChallenges, readDemand } from './challenge.ts';

test('RFC 9110 §11.6.1 every challenge of a header is read, in any order, with and without parameters', () => {
  const header =
    'Negotiate abc123==, , Basic realm="a, Bearer b=\\"c\\"" , Bearer resource_metadata="https://x.example/m",\tscope="a b", Mutual';
  assert.deepEqual(
    readChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]),
    [
      ['negotiate', {}],
      ['basic', { realm: 'a, Bearer b="c"' }],
      ['bearer', { resource_metadata: 'https://x.example/m', scope: 'a b' }],
      ['mutual', {}],
    ],
  );
  assert.deepEqual(readDemand(header)?.scopes, ['a', 'b']);
  assert.equal(readDemand('Basic realm="x"'), null);
  assert.equal(readDemand(undefined), null);
});

test('RFC 9728 §5.1 of several Bearer challenges the one with the metadata counts; RFC 9470 §3 its age and way are read', () => {
  const demand = readDemand(
    'Bearer realm="a", Bearer error=insufficient_user_authentication, RESOURCE_METADATA="https://x.example/m", acr_values="gold", max_age=60',
  );
  assert.equal(demand?.metadata, 'https://x.example/m');
  assert.deepEqual(
    [demand?.error, demand?.acrValues, demand?.maxAge],
    ['insufficient_user_authentication', 'gold', 60],
  );
});

for (const header of [
  '',
  ' , ',
  'Bearer realm="a", realm="b"',
  'Bearer realm="a", REALM="b"',
  'Bearer realm = ',
  'Bearer realm="a',
  'Bearer realm="a" scope="b"',
  'realm="a"',
  'Bearer scope="a\u0001b"',
  'Bearer scope="a\\\\b"',
  'Bearer scope="ä"',
  `Bearer realm="${'a'.repeat(9_000)}"`,
  `Bearer scope="${Array.from({ length: 101 }, (_, index) => `s${index}`).join(' ')}"`,
  'Bearer ="a"',
  '"Bearer"',
]) {
  test(`RFC 9110 §11.6.1 a header that is no list of challenges is refused whole: ${JSON.stringify(header.slice(0, 40))}`, () => {
    assert.throws(
      () => readDemand(header),
      (error) => error instanceof Fault && error.code === 'sign_in_failed',
    );
  });
}

test('RFC 9110 §11.6.1 whatever comes, the reader gives challenges or one fault, and what is written is read as it was meant', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', maxLength: 200 }), (text) => {
      try {
        readDemand(text);
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'sign_in_failed');
      }
    }),
  );
  const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,9}$/);
  const value = fc.stringMatching(/^[\x20-\x7e]{0,20}$/);
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, minLength: 1 }),
      fc.constantFrom(',', ', ', ' ,\t'),
      (parameters, comma) => {
        const parts = parameters.map(([key, text]) => `${key}="${text.replaceAll(/[\\"]/g, '\\$&')}"`);
        const read = readChallenges(`Digest abc=, Bearer ${parts.join(comma)}, Basic`);
        assert.deepEqual(Object.fromEntries(read[1]?.parameters ?? []), Object.fromEntries(parameters));
        assert.equal(read.length, 3);
      },
    ),
  );
});
