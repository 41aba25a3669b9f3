import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import type { Authority } from '../authority/authority.ts';
import { watchDevices } from './watch-devices.ts';

test('I5 every device is asked about within one interval, again and again, and a round that fails ends nothing', async () => {
  mock.timers.enable({ apis: ['setInterval'] });
  try {
    const clock = steppedClock(0);
    const said: string[] = [];
    let rounds = 0;
    const devices = { kinds: [], withoutDevice: 'refuse', every: 60_000, checker: null as never } as const;
    const authority: Pick<Authority, 'issuance' | 'checkDevices'> = {
      issuance: { current: async () => ({ devices, approvals: [] }) },
      async checkDevices() {
        rounds += 1;
        if (rounds === 2) throw new Error('the disk is full');
        return { asked: 3, refused: 1, unchecked: 0 };
      },
    };
    const pass = async (milliseconds: number): Promise<void> => {
      for (let passed = 0; passed < milliseconds; passed += 5_000) {
        clock.advance(5_000);
        mock.timers.tick(5_000);
        await new Promise(setImmediate);
      }
    };
    let leads = true;
    const watched = { ...authority, peers: { leads: () => leads } };
    await using _watch = watchDevices({ authority: watched, clock, log: (line) => said.push(line) });
    await pass(55_000);
    assert.equal(rounds, 0);
    await pass(5_000);
    assert.equal(rounds, 1);
    await pass(120_000);
    assert.equal(rounds, 3);
    assert.match(said[0] ?? '', /3 asked about, 1 agents without certificates/);
    assert.match(said[1] ?? '', /the disk is full/);
    // Another authority does it.
    leads = false;
    await pass(120_000);
    assert.equal(rounds, 3);
    leads = true;
    await pass(5_000);
    assert.equal(rounds, 4);
  } finally {
    mock.timers.reset();
  }
});
