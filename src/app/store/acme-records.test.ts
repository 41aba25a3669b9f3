import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AcmeAuthorizationRecord, AcmeOrderRecord } from '../../enrol/acme/acme-records.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { openStore } from './open-store.ts';
import type { Store } from './store.ts';

const hour = 3_600_000;
const clock = steppedClock(Date.UTC(2026, 10, 26));
const now = clock.now();
const caps = { open: 3, perHour: 5 };
const fault = (code: string) => ({ name: 'Fault', code });

async function withStore(
  use: (store: Store, reopened: () => Promise<Store>) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-acme-store-'));
  const file = join(folder, 'state.db');
  await using held = new AsyncDisposableStack();
  const open = async (): Promise<Store> => held.use(await openStore({ file, clock }));
  try {
    await use(await open(), open);
  } finally {
    await held.disposeAsync();
    await rm(folder, { recursive: true, force: true });
  }
}

const subject = {
  kind: 'server',
  name: 'files',
  dnsNames: ['a.internal'],
  ipAddresses: [],
  createdBy: 'admin',
} as const;
const key = { id: 'key', ...subject, createdAt: now, expiresAt: now + hour, usedAt: null };
const account = { id: 'account', thumbprint: 'print', jwk: '{}', contact: ['mailto:a@b'], keyId: 'key' };

function order(id: string, changes: Partial<AcmeOrderRecord> = {}): AcmeOrderRecord {
  return {
    id,
    accountId: 'account',
    status: 'pending',
    identifiers: [{ type: 'dns', value: 'a.internal' }],
    createdAt: now,
    expiresAt: now + hour,
    notAfter: null,
    replaces: null,
    keyHash: null,
    serial: null,
    problem: null,
    ...changes,
  };
}

function authorization(id: string, orderId: string): AcmeAuthorizationRecord {
  return {
    id,
    orderId,
    accountId: 'account',
    identifier: { type: 'dns', value: 'a.internal' },
    status: 'pending',
    expiresAt: now + hour,
    token: 'token',
    challenge: null,
    validatedAt: null,
    attestation: null,
    problem: null,
  };
}

async function withAccount(store: Store): Promise<void> {
  await store.acmeKeys.add(key);
  assert.ok(await store.acmeAccounts.open(account, now));
}

test('I3 an external account key opens one account, in its time, and the account is bound as the key was', () =>
  withStore(async (store, reopened) => {
    await store.acmeKeys.add(key);
    await store.acmeKeys.add({ ...key, id: 'late' });
    assert.equal(await store.acmeAccounts.open({ ...account, keyId: 'late' }, now + hour), null);
    assert.equal(await store.acmeAccounts.open({ ...account, keyId: 'none' }, now), null);
    assert.equal((await store.acmeAccounts.open(account, now))?.name, 'files');
    assert.equal(await store.acmeAccounts.open({ ...account, id: 'two', thumbprint: 'two' }, now), null);
    assert.equal(await store.acmeKeys.remove('key'), false);
    // A key that is refused for its account key is not used up.
    await assert.rejects(
      store.acmeAccounts.open({ ...account, id: 'two', keyId: 'late' }, now),
      fault('conflict'),
    );
    assert.equal(await store.acmeKeys.remove('late'), true);
    const again = await reopened();
    const found = await again.acmeAccounts.findByThumbprint('print');
    assert.deepEqual(found, { ...account, ...subject, status: 'valid', createdAt: now });
    assert.deepEqual(
      (await again.acmeKeys.list()).map(({ usedAt }) => usedAt),
      [now],
    );
  }));

test('I3 an account has as many open orders, and as many in an hour, as its caps say', () =>
  withStore(async (store) => {
    await withAccount(store);
    for (const id of ['1', '2', '3']) await store.acmeOrders.add(order(id), [authorization(id, id)], caps);
    await assert.rejects(store.acmeOrders.add(order('4'), [], caps), fault('limit_reached'));
    assert.ok(await store.acmeOrders.giveUp('1'));
    await store.acmeOrders.add(order('4'), [], caps);
    assert.ok(await store.acmeOrders.giveUp('2'));
    await store.acmeOrders.add(order('5'), [], caps);
    assert.ok(await store.acmeOrders.giveUp('3'));
    await assert.rejects(store.acmeOrders.add(order('6'), [], caps), {
      ...fault('rate_exceeded'),
      retryAfterMilliseconds: hour,
    });
    await store.acmeOrders.add(order('7', { createdAt: now + hour, expiresAt: now + 2 * hour }), [], caps);
  }));

test('I3 an order is ready when all of it is proved, issues once, and never goes back', () =>
  withStore(async (store) => {
    const { acmeOrders: orders } = store;
    await withAccount(store);
    await orders.add(order('o'), [authorization('a', 'o'), authorization('b', 'o')], caps);
    assert.equal(await orders.settle('a', { at: now }), false);
    assert.ok(await orders.choose('a', 'http-01', now));
    assert.equal(await orders.choose('a', 'dns-01', now), false);
    assert.equal(await orders.choose('b', 'dns-01', now + hour), false);
    assert.ok(await orders.settle('a', { at: now }));
    assert.equal(await orders.settle('a', { problem: {} }), false);
    assert.equal(await orders.begin('o', 'hash', now), false);
    assert.ok(await orders.choose('b', 'dns-01', now));
    assert.deepEqual(
      (await orders.unsettled()).map(({ id }) => id),
      ['b'],
    );
    assert.ok(await orders.settle('b', { at: now }));
    assert.equal((await orders.find('o'))?.status, 'ready');
    assert.equal(await orders.begin('o', 'hash', now + hour), false);
    assert.ok(await orders.begin('o', 'hash', now));
    assert.equal(await orders.begin('o', 'hash', now), false);
    assert.deepEqual(
      (await orders.processing()).map(({ keyHash }) => keyHash),
      ['hash'],
    );
    await orders.putBack('o');
    assert.ok(await orders.begin('o', 'hash', now));
    await orders.complete('o', 'serial');
    await assert.rejects(orders.complete('o', 'other'), fault('conflict'));
    await assert.rejects(orders.fail('o', {}), fault('conflict'));
    await assert.rejects(orders.putBack('o'), fault('conflict'));
    assert.equal((await orders.findBySerial('serial'))?.id, 'o');
    assert.equal((await orders.provenBy('account', now)).length, 1);
    assert.equal((await orders.provenBy('account', now + hour)).length, 0);
  }));

test('I3 one refuted challenge makes the order invalid, and a closed account ends all that is open', () =>
  withStore(async (store) => {
    const { acmeOrders: orders } = store;
    await withAccount(store);
    await orders.add(order('o'), [authorization('a', 'o'), authorization('b', 'o')], caps);
    await orders.choose('a', 'http-01', now);
    assert.ok(await orders.settle('a', { problem: { type: 'x' } }));
    const found = await orders.find('o');
    assert.deepEqual([found?.status, found?.problem], ['invalid', { type: 'x' }]);
    assert.equal(await orders.choose('b', 'http-01', now), false);

    await orders.add(order('p'), [authorization('c', 'p')], caps);
    await orders.choose('c', 'http-01', now);
    assert.ok(await store.acmeAccounts.close('account', 'revoked'));
    assert.equal(await store.acmeAccounts.close('account', 'deactivated'), false);
    assert.equal(await orders.settle('c', { at: now }), false);
    assert.equal((await orders.find('p'))?.status, 'invalid');
    const moved = store.acmeAccounts.changeKey('account', 'print', { thumbprint: 'new', jwk: '{}' });
    await assert.rejects(moved, fault('conflict'));
  }));

test('I3 a certificate is replaced by one order that is not invalid, and what is long over is dropped', () =>
  withStore(async (store) => {
    const { acmeOrders: orders } = store;
    await withAccount(store);
    await orders.add(order('o', { replaces: 'x' }), [authorization('a', 'o')], caps);
    await assert.rejects(orders.add(order('p', { replaces: 'x' }), [], caps), fault('certificate_replaced'));
    await orders.giveUp('a');
    await orders.add(order('p', { replaces: 'x' }), [], caps);
    const week = 7 * 24 * hour;
    const later = { createdAt: now + week + 2 * hour, expiresAt: now + week + 3 * hour };
    await orders.add(order('q', later), [], caps);
    assert.deepEqual([await orders.find('o'), await orders.findAuthorization('a')], [null, null]);
    assert.deepEqual(
      (await orders.listOf('account', 10)).map(({ id }) => id),
      ['q'],
    );
  }));
