import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import type { CertificateStanding, Change } from '../store/change-feed.ts';
import { openSealingSecrets } from './sealing-secrets.ts';

const hour = 3_600_000;
const key = generateKeyPairSync('ed25519').privateKey;

/** A store as far as it matters: facts that outlive authorities, and the changes that they hear of. */
function storeOf(certificates: CertificateStanding[] = []) {
  const facts = new Map<string, string>();
  const listeners = new Set<(change: Change) => void>();
  return {
    certificates,
    meta: {
      get: async (name: string) => facts.get(name) ?? null,
      async swap(name: string, before: string | null, value: string) {
        if ((facts.get(name) ?? null) !== before) return false;
        facts.set(name, value);
        return true;
      },
    },
    changes: {
      snapshot: async () => ({ sequence: 1, certificates, agents: [], servers: [] }),
      subscribe(listener: (change: Change) => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    revoke(serial: string, kind: CertificateStanding['kind']) {
      const value = { serial, kind, name: 'n', state: 'revoked', notAfter: 9e15, thumbprint: null } as const;
      certificates.push(value);
      for (const listener of listeners) listener({ sequence: 2, kind: 'certificate', key: serial, value });
    },
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));
const clock = steppedClock(1_000 * hour);

function open(store: ReturnType<typeof storeOf>, more: { storeId?: string; onChange?: () => void } = {}) {
  return openSealingSecrets({
    key,
    storeId: 'one',
    store,
    times: { rotate: hour, kept: 3 * hour },
    clock,
    onChange: () => undefined,
    log: () => undefined,
    ...more,
  });
}

test('T3 every authority of a store tells the same secrets, and tells the next one before it seals', async () => {
  const store = storeOf();
  using one = await open(store);
  using two = await open(store);
  const first = one.current();
  assert.deepEqual(two.current(), first);
  assert.equal(Object.keys(first.keys).length, 5, 'three before, this one, the next one');
  clock.advance(hour);
  using later = await open(store);
  const second = later.current();
  assert.notEqual(second.current, first.current);
  assert.equal(first.keys[second.current], second.keys[second.current]);
  assert.equal(second.keys[first.current], first.keys[first.current]);
  using other = await open(store, { storeId: 'two' });
  assert.ok(
    !Object.values(second.keys).some((secret) => Object.values(other.current().keys).includes(secret)),
  );
});

test('T3 law 5 a gateway that was revoked knows no secret that counts any more', async () => {
  const store = storeOf();
  let told = 0;
  using sealing = await open(store, { onChange: () => (told += 1) });
  const before = sealing.current();
  store.revoke('a1', 'agent');
  await settled();
  assert.deepEqual(sealing.current(), before);
  store.revoke('b2', 'gateway');
  await settled();
  assert.equal(told, 1);
  const after = sealing.current();
  assert.ok(!Object.values(after.keys).some((secret) => Object.values(before.keys).includes(secret)));
  // Nothing changes with a restart, and an authority that was away then finds it in the registry.
  using again = await open(store);
  assert.deepEqual(again.current(), after);
  using away = await open(storeOf([...store.certificates]));
  assert.deepEqual(away.current(), after);
});
