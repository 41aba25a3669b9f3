import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { memoryMeta } from '../store/memory-meta.ts';
import { agreeOnKeys, fingerprintOfKey } from './shared-keys.ts';

const aKey = (): string => fingerprintOfKey(generateKeyPairSync('ed25519').privateKey);

test('I8 an authority with another key than those before it does not start, and changes nothing', async () => {
  const facts = memoryMeta();
  const [ours, other] = [aKey(), aKey()];
  await agreeOnKeys(facts, { 'audit key': ours }, '/a');
  const before = await facts.get('shared-keys');
  await assert.rejects(agreeOnKeys(facts, { 'audit key': other, 'registration key': aKey() }, '/b'), {
    code: 'authority_differs',
  });
  assert.equal(await facts.get('shared-keys'), before);
  await agreeOnKeys(facts, { 'audit key': ours }, '/c');
});

test('I8 a key that comes later is that of whoever had it first', async () => {
  const facts = memoryMeta();
  const first = { 'audit key': aKey() };
  await agreeOnKeys(facts, first, '/a');
  const both = [aKey(), aKey()].map((registration) =>
    agreeOnKeys(facts, { ...first, 'registration key': registration }, '/b'),
  );
  const outcomes = (await Promise.allSettled(both)).map(({ status }) => status);
  assert.deepEqual(outcomes.sort(), ['fulfilled', 'rejected']);
});
