import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JoinTokenRecord, JoinTokenRecords } from '../../src/enrol/join-token/join-token-records.ts';
import { isFault } from './is-fault.ts';

/** What every store of join tokens keeps to. The factory gives a fresh, empty one for the length of `use`. */
export function joinTokenRecordsContract(
  adapter: string,
  withRecords: (use: (records: JoinTokenRecords) => Promise<void>) => Promise<void>,
): void {
  const specify = (title: string, use: (records: JoinTokenRecords) => Promise<void>): void => {
    test(`${adapter}: ${title}`, () => withRecords(use));
  };

  specify('I3 gives a token once, with the time it was redeemed', async (records) => {
    const record = joinToken({ id: 'a', dnsNames: ['db.example.internal'], ipAddresses: ['127.0.0.1'] });
    await records.add(record);
    assert.deepEqual(await records.find('a', 'hash', 5), record);
    assert.equal(await records.use('a', once, 5), true);
    assert.equal(await records.find('a', 'hash', 6), null);
    assert.equal(await records.use('a', once, 6), false);
    assert.deepEqual(await records.list(), [{ ...record, redeemedAt: 5 }]);
  });
  specify('I7 withdraws the open tokens of a name and kind, and no others', async (records) => {
    await records.add(joinToken({ id: 'a', name: 'bot', kind: 'agent', expiresAt: 10 }));
    await records.add(joinToken({ id: 'b', name: 'bot', kind: 'server', expiresAt: 10 }));
    await records.add(joinToken({ id: 'c', name: 'other', kind: 'agent', expiresAt: 10 }));
    await records.add(joinToken({ id: 'd', name: 'bot', kind: 'agent', expiresAt: 4 }));
    await records.add(joinToken({ id: 'e', name: 'bot', kind: 'ephemeral', expiresAt: 10 }));
    await records.add(joinToken({ id: 'f', name: 'bot', kind: 'agent', expiresAt: 10 }));
    await records.use('f', once, 3);
    assert.equal(await records.withdraw('bot', ['agent', 'ephemeral'], 5), 2);
    assert.equal(await records.withdraw('bot', ['agent', 'ephemeral'], 5), 0);
    for (const id of ['a', 'e']) assert.equal(await records.use(id, once, 5), false);
    for (const id of ['b', 'c']) assert.equal(await records.use(id, once, 5), true);
  });
  specify('I3 gives nothing for another hash or id, and the token stays good', async (records) => {
    await records.add(joinToken({ id: 'a' }));
    assert.equal(await records.find('a', 'other', 5), null);
    assert.equal(await records.find('b', 'hash', 5), null);
    assert.equal(await records.use('b', once, 5), false);
    assert.equal(await records.use('a', once, 5), true);
  });
  specify('I3 gives a token until its end, and not at its end', async (records) => {
    await records.add(joinToken({ id: 'a', expiresAt: 10 }));
    await records.add(joinToken({ id: 'b', expiresAt: 10 }));
    assert.equal(await records.find('a', 'hash', 10), null);
    assert.equal(await records.use('a', once, 10), false);
    assert.notEqual(await records.find('b', 'hash', 9), null);
    assert.equal(await records.use('b', once, 9), true);
  });
  specify('I3 gives a token to exactly one of 100 simultaneous redemptions', async (records) => {
    await records.add(joinToken({ id: 'a' }));
    const given = await Promise.all(Array.from({ length: 100 }, () => records.use('a', once, 5)));
    assert.equal(given.filter(Boolean).length, 1);
  });
  specify('I3 gives a batch token for as many new names as it counts, each once', async (records) => {
    await records.add(joinToken({ id: 'a', name: 'run-*', batch: { ...batch, count: 3 } }));
    await records.add(joinToken({ id: 'b', name: 'run-*', batch }));
    const names = Array.from({ length: 20 }, (_, at) => `run-${Math.floor(at / 2)}`);
    const given = await Promise.allSettled(names.map((name) => records.use('a', { name, agent: null }, 5)));
    const done = given.filter((one) => one.status === 'fulfilled' && one.value);
    assert.equal(done.length, 3);
    assert.equal(await records.find('a', 'hash', 5), null);
    // Another batch does not give a name of the first away.
    await assert.rejects(records.use('b', { name: 'run-0', agent: null }, 5), isFault('conflict'));
    assert.equal((await records.find('b', 'hash', 5))?.batch?.used, 0);
    assert.equal(await records.use('b', { name: 'run-9', agent: null }, 5), true);
    assert.deepEqual(
      (await records.list()).map((one) => [one.id, one.batch?.used, one.redeemedAt]),
      [
        ['a', 3, 5],
        ['b', 1, 5],
      ],
    );
  });
  specify('I3 I7 ends one token, and those of an owner, for good', async (records) => {
    for (const id of ['a', 'b']) await records.add(joinToken({ id, name: 'run-*', batch }));
    await records.add(joinToken({ id: 'c' }));
    assert.equal(await records.end('a', 5), true);
    assert.equal(await records.end('a', 5), false);
    assert.equal(await records.withdrawOwned('ada', 5), 1);
    assert.equal(await records.withdrawOwned('ada', 5), 0);
    for (const id of ['a', 'b']) assert.equal(await records.find(id, 'hash', 5), null);
    assert.notEqual(await records.find('c', 'hash', 5), null);
    await assert.rejects(records.end('z', 5), isFault('not_found'));
  });
  specify('refuses an id that exists', async (records) => {
    await records.add(joinToken({ id: 'a' }));
    await assert.rejects(records.add(joinToken({ id: 'a', secretHash: 'other' })), isFault('conflict'));
  });
  specify('lists the oldest first', async (records) => {
    await records.add(joinToken({ id: 'b', createdAt: 2 }));
    await records.add(joinToken({ id: 'a', createdAt: 3 }));
    await records.add(joinToken({ id: 'c', createdAt: 1 }));
    assert.deepEqual(
      (await records.list()).map(({ id }) => id),
      ['c', 'b', 'a'],
    );
  });
}

const once = { name: 'ci-bot', agent: null };
const batch = { count: 2, used: 0, owner: 'ada', purpose: 'p', roles: ['builder'] };

export function joinToken(members: Partial<JoinTokenRecord> & { readonly id: string }): JoinTokenRecord {
  return {
    secretHash: 'hash',
    name: 'ci-bot',
    kind: 'agent',
    createdAt: 1,
    expiresAt: 600_000,
    redeemedAt: null,
    createdBy: 'spiffe://example.internal/admin/first',
    dnsNames: [],
    ipAddresses: [],
    batch: null,
    ...members,
  };
}
