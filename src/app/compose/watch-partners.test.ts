import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PartnerRecord } from '../../identity/partner-record.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { refreshAfter, watchPartners } from './watch-partners.ts';

const partner: PartnerRecord = {
  name: 'acme',
  trustDomain: 'acme.example',
  authorities: [],
  mappings: [],
  maximumLife: 1,
  source: { url: 'https://acme.example/', known: { by: 'web', authorities: null }, privateAddresses: false },
  trustedFor: 86_400_000,
  sequence: null,
  refreshHint: null,
  addedAt: 0,
  readAt: 0,
};

test('I11 a bundle is fetched as often as it asks for, within bounds, and at least twice before it expires', () => {
  const hints: readonly (readonly [number | null, number])[] = [
    [null, 300_000],
    [600, 600_000],
    [0, 30_000],
    [1_000_000, 21_600_000],
  ];
  for (const [refreshHint, after] of hints) assert.equal(refreshAfter({ ...partner, refreshHint }), after);
  assert.equal(refreshAfter({ ...partner, trustedFor: 60_000, refreshHint: 600 }), 30_000);
});

test('I11 only what is due is fetched; what failed is tried again a minute later, and neither ends the watch', async () => {
  const clock = steppedClock(0);
  const asked: string[] = [];
  const said: string[] = [];
  const byHand = { ...partner, name: 'by-hand', source: null };
  const broken = { ...partner, name: 'broken' };
  let records: readonly PartnerRecord[] = [partner, byHand, broken];
  const partners = {
    list: async () => records,
    async refresh(name: string) {
      asked.push(name);
      if (name === 'broken') throw new Fault('unavailable', 'nobody there');
      records = records.map((one) => (one.name === name ? { ...one, readAt: clock.now() } : one));
      return partner;
    },
  };
  await using _watch = watchPartners({
    authority: {
      partners: { ...partners, add: refuse, remove: refuse },
      peers: { leads: () => true },
    },
    clock,
    log: (line) => said.push(line),
    every: 1,
  });
  const after = async (milliseconds: number): Promise<readonly string[]> => {
    clock.advance(milliseconds);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return asked.splice(0).sort();
  };
  assert.deepEqual(await after(299_999), []);
  assert.deepEqual(await after(1), ['acme', 'broken']);
  assert.deepEqual(await after(59_999), []);
  assert.deepEqual(await after(1), ['broken']);
  assert.deepEqual(await after(240_000), ['acme', 'broken']);
  assert.equal(said.length, 3);
});

function refuse(): never {
  throw new Error('not asked for');
}
