import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathPattern, rolesOf } from './partner-roles.ts';
import { processorTime } from '../kernel/processor-time.fixture.ts';

const fits: readonly (readonly [pattern: string, path: string, fits: boolean])[] = [
  ['/agent/ci', '/agent/ci', true],
  ['/agent/ci', '/agent/ci2', false],
  ['/agent/ci', '/agent/CI', false],
  ['/agent/c.i', '/agent/cxi', false],
  ['/agent/ci-*', '/agent/ci-', true],
  ['/agent/ci-*', '/agent/ci-1', true],
  ['/agent/ci-*', '/agent/ci-1/x', false],
  ['/agent/*', '/agent/x', true],
  ['/ns/*/sa/*', '/ns/default/sa/web', true],
  ['/ns/*/sa/*', '/ns/a/b/sa/web', false],
  ['/ns/prod/**', '/ns/prod/sa/web', true],
  ['/ns/prod/**', '/ns/prod', false],
  ['/ns/prod/**', '/ns/production/sa', false],
  ['/**', '/anything/at/all', true],
  ['/a*b*c', '/abc', true],
  ['/a*b*c', '/axbxc', true],
  ['/ab*b', '/ab', false],
  ['/a*bc*c', '/abc', false],
];

for (const [pattern, path, expected] of fits) {
  test(`I11 the pattern ${pattern} ${expected ? 'fits' : 'does not fit'} ${path}`, () => {
    assert.match(pattern, pathPattern);
    assert.deepEqual(rolesOf(path, [{ pattern, roles: ['r'] }]), expected ? ['r'] : null);
  });
}

test('I11 a caller has the roles of every pattern that fits; one that none fits is nobody, which is less than no roles', () => {
  const mappings = [
    { pattern: '/agent/*', roles: ['reader'] },
    { pattern: '/agent/ci-*', roles: ['builder', 'reader'] },
    { pattern: '/guest/*', roles: [] },
  ];
  assert.deepEqual(rolesOf('/agent/ci-1', mappings), ['reader', 'builder']);
  assert.deepEqual(rolesOf('/guest/one', mappings), []);
  assert.equal(rolesOf('/other', mappings), null);
});

test('I11 a long path is held to a pattern of many stars in no time', () => {
  const mappings = [{ pattern: `/${'*-'.repeat(200)}x`, roles: [] }];
  const began = processorTime();
  assert.equal(rolesOf(`/${'-'.repeat(500)}`, mappings), null);
  assert.ok(processorTime() - began < 50);
});
