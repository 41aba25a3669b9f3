import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import { anAuthority } from '../../x509/authority.fixture.ts';
import { memoryMeta } from '../store/memory-meta.ts';
import { ownBundle } from './own-bundle.ts';

test('I11 the sequence of our bundle grows with every change of the roots and stays otherwise, also after a restored backup', async () => {
  const facts = new Map<string, string>();
  const meta = memoryMeta(facts);
  const clock = steppedClock(1_700_000_000_000);
  const [one, two, three] = [anAuthority(), anAuthority(), anAuthority()];
  const sequence = async (...roots: readonly (typeof one)[]): Promise<unknown> =>
    (await ownBundle(roots, { meta, clock }))['spiffe_sequence'];
  assert.equal(await sequence(one), 1_700_000_000);
  const backup = new Map(facts);
  assert.equal(await sequence(one), 1_700_000_000);
  // Within the same second.
  assert.equal(await sequence(one, two), 1_700_000_001);
  assert.equal(await sequence(one), 1_700_000_002);
  clock.advance(60_000);
  for (const [name, value] of backup) facts.set(name, value);
  assert.equal(await sequence(one, three), 1_700_000_060);
  const keys = (await ownBundle([one, three], { meta, clock }))['keys'];
  assert.equal(Array.isArray(keys) && keys.length, 2);
});
