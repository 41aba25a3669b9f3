import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createChecks } from './checks.ts';

const well = { ok: true, detail: 'well' };

test('U7 the process is ready while everything that is needed is well; what is told of does not hold it off', () => {
  const checks = createChecks();
  let log = well;
  checks.add('log', 'needed', () => log);
  checks.addAll('told', () => [{ name: 'server files', ok: false, detail: 'down' }]);
  assert.equal(checks.health().ready, true);
  log = { ok: false, detail: 'the disk is full' };
  const { ready, parts } = checks.health();
  assert.equal(ready, false);
  assert.deepEqual(parts['log'], { ok: false, detail: 'the disk is full', weight: 'needed' });
  assert.deepEqual(parts['server files'], { ok: false, detail: 'down', weight: 'told' });
});

test('U7 a check that fails counts as not well, and says why', () => {
  const checks = createChecks();
  checks.add('log', 'needed', () => {
    throw new Error('it broke');
  });
  const { ready, parts } = checks.health();
  assert.equal(ready, false);
  assert.match(parts['log']?.detail ?? '', /it broke/);
});

test('U7 readiness is held off until everybody who held it off lets go', () => {
  const checks = createChecks();
  checks.add('log', 'needed', () => well);
  const first = checks.hold('draining');
  const second = checks.hold('draining');
  assert.equal(checks.health().parts['serving']?.detail, 'draining');
  first();
  assert.equal(checks.health().ready, false);
  second();
  assert.equal(checks.health().ready, true);
});

test('U7 started means ready once: what goes wrong later is no reason to start anew', () => {
  const checks = createChecks();
  let heard = { ok: false, detail: 'not heard from the authority' };
  const remove = checks.add('registry', 'needed', () => heard);
  assert.equal(checks.health().started, false);
  heard = well;
  assert.equal(checks.health().started, true);
  heard = { ok: false, detail: 'silent' };
  assert.deepEqual([checks.health().ready, checks.health().started], [false, true]);
  remove();
  assert.equal(checks.health().ready, true);
});
