import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseReserved } from './reserved-name.ts';

test('I2 law 1 nobody else gets a server certificate under the name of the authority', () => {
  assert.throws(() => refuseReserved({ name: 'authority', kind: 'server' }), { code: 'conflict' });
  for (const order of [
    { name: 'authority', kind: 'agent' },
    { name: 'authority-2', kind: 'server' },
  ] as const) {
    assert.equal(refuseReserved(order), order);
  }
});
