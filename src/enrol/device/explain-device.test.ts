import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../kernel/fault.ts';
import type { DeviceRules } from './device-compliance.ts';
import { explainDevice } from './explain-device.ts';

const rules = (more: Partial<DeviceRules> = {}): DeviceRules => ({
  kinds: ['agent'],
  withoutDevice: 'refuse',
  checker: {
    async ask({ device }) {
      if (device === 'down') throw new Fault('unavailable', 'the register does not answer');
      return { compliant: device === 'good', reason: `said of ${device}` };
    },
    [Symbol.asyncDispose]: async () => undefined,
  },
  ...more,
});
const explained = (device: string | null, now: DeviceRules | null = rules()) =>
  explainDevice({ name: 'ci-bot', device }, async () => now);

test('I5 what is said of the device of an agent is what the next issuance would be told', async () => {
  assert.deepEqual(await explained('good'), {
    device: 'good',
    needed: true,
    compliant: true,
    reason: 'said of good',
  });
  assert.equal((await explained('bad')).compliant, false);
  assert.equal((await explained(null)).compliant, false);
  assert.equal((await explained(null, rules({ withoutDevice: 'permit' }))).compliant, true);
});

test('I5 that it cannot be told, or is not asked for, is never compliance', async () => {
  assert.deepEqual(await explained('down'), {
    device: 'down',
    needed: true,
    compliant: null,
    reason: 'the register does not answer',
  });
  const broken = await explainDevice({ name: 'ci-bot', device: 'good' }, async () => {
    throw new Fault('config_invalid', 'issuance.yaml is wrong');
  });
  assert.deepEqual([broken.needed, broken.compliant, broken.reason], [true, null, 'issuance.yaml is wrong']);
  for (const none of [null, rules({ kinds: ['server'] })]) {
    const { needed, compliant } = await explained('good', none);
    assert.deepEqual([needed, compliant], [false, null]);
  }
});
