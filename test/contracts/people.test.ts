import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore } from '../../src/app/store/open-store.ts';
import type { Store } from '../../src/app/store/store.ts';
import type { Login } from '../../src/enrol/person/login-records.ts';
import { steppedClock } from '../../src/kernel/clock.ts';
import { isFault } from './is-fault.ts';

const loginOf = (more: Partial<Login> = {}): Login => ({
  person: 'alice@example.com',
  provider: 'company',
  issuer: 'https://id.example.com',
  subject: 'a-1',
  claims: { '/groups': ['staff'] },
  at: 5_000,
  authenticatedAt: 4_000,
  ...more,
});
const derived = [{ role: 'builder', provider: 'company', rule: 1, because: ['engineering'] }];

test('I3 a person is the account of their first login, until that is forgotten', () =>
  withStore(async ({ people }) => {
    await people.enter(loginOf());
    await people.enter(loginOf({ at: 6_000, claims: {} }));
    for (const other of [{ subject: 'a-2' }, { issuer: 'https://other.example.com' }]) {
      await assert.rejects(people.enter(loginOf(other)), isFault('login_refused'));
    }
    assert.deepEqual((await people.find('alice@example.com'))?.login, loginOf({ at: 6_000, claims: {} }));
    assert.equal(await people.forget('alice@example.com'), true);
    assert.equal(await people.forget('alice@example.com'), false);
    await people.enter(loginOf({ subject: 'a-2' }));
  }));

test('I7 what was proved until a revocation counts for nothing, before the first login too, and forgetting changes that not', () =>
  withStore(async ({ people }) => {
    await people.revoke('alice@example.com', 4_000);
    await assert.rejects(people.enter(loginOf()), isFault('login_refused'));
    await people.enter(loginOf({ authenticatedAt: 4_001 }));
    await people.revoke('alice@example.com', 9_000);
    await people.revoke('alice@example.com', 8_000);
    await people.forget('alice@example.com');
    await assert.rejects(people.enter(loginOf({ authenticatedAt: 9_000 })), isFault('login_refused'));
    assert.equal((await people.find('alice@example.com'))?.revokedAt, 9_000);
  }));

test('I7 the last login of everybody who has one is listed', () =>
  withStore(async ({ people }) => {
    const bob = loginOf({ person: 'bob@example.com', subject: 'b-1' });
    await people.enter(bob);
    await people.enter(loginOf({ claims: {} }));
    await people.enter(loginOf());
    await people.revoke('eve@example.com', 9_000);
    await people.revoke('bob@example.com', 9_000);
    assert.deepEqual(await people.logins(), [loginOf(), bob]);
  }));

test('I4 roles by hand and derived ones are in force together, and neither replaces the other', () =>
  withStore(async ({ agents, changes }) => {
    const told: string[][] = [];
    changes.subscribe((change) => {
      if (change.kind === 'agent' && change.value) told.push([...change.value.roles]);
    });
    const rest = {
      purpose: 'p',
      buildDigest: null,
      device: null,
      state: 'active',
      createdAt: 1,
      lastSeen: null,
    } as const;
    await agents.add({ name: 'a', owner: 'o', roles: ['auditor'], ...rest });
    assert.equal(await agents.origins('a'), null);
    assert.equal(await agents.derive('a', derived), true);
    assert.equal(await agents.derive('a', derived), false);
    await agents.change('a', { roles: ['reader', 'builder'] });
    await agents.change('a', { purpose: 'q' });
    assert.deepEqual((await agents.find('a'))?.roles, ['reader', 'builder']);
    assert.deepEqual(await agents.origins('a'), { byHand: ['reader', 'builder'], derived });
    assert.equal(await agents.derive('a', []), false, 'what was given by hand as well stays');
    await agents.change('a', { roles: [] });
    assert.deepEqual(told, [
      ['auditor'],
      ['auditor', 'builder'],
      ['reader', 'builder'],
      ['reader', 'builder'],
      [],
    ]);
    assert.equal(await agents.derive('nobody', derived), false);
  }));

async function withStore(use: (store: Store) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    await using store = await openStore({ file: join(folder, 'state.db'), clock: steppedClock(1_000) });
    await use(store);
  } finally {
    await rm(folder, { recursive: true });
  }
}
