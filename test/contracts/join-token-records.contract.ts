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
    const record = token({ id: 'a', dnsNames: ['db.example.internal'], ipAddresses: ['127.0.0.1'] });
    await records.add(record);
    assert.deepEqual(await records.redeem('a', 'hash', 5), { ...record, redeemedAt: 5 });
    assert.equal(await records.redeem('a', 'hash', 6), null);
    assert.deepEqual(await records.list(), [{ ...record, redeemedAt: 5 }]);
  });
  specify('I7 withdraws the open tokens of a name and kind, and no others', async (records) => {
    await records.add(token({ id: 'a', name: 'bot', kind: 'agent', expiresAt: 10 }));
    await records.add(token({ id: 'b', name: 'bot', kind: 'server', expiresAt: 10 }));
    await records.add(token({ id: 'c', name: 'other', kind: 'agent', expiresAt: 10 }));
    await records.add(token({ id: 'd', name: 'bot', kind: 'agent', expiresAt: 4 }));
    await records.add(token({ id: 'e', name: 'bot', kind: 'ephemeral', expiresAt: 10 }));
    await records.add(token({ id: 'f', name: 'bot', kind: 'agent', expiresAt: 10 }));
    await records.redeem('f', 'hash', 3);
    assert.equal(await records.withdraw('bot', ['agent', 'ephemeral'], 5), 2);
    assert.equal(await records.withdraw('bot', ['agent', 'ephemeral'], 5), 0);
    for (const id of ['a', 'e']) assert.equal(await records.redeem(id, 'hash', 5), null);
    for (const id of ['b', 'c']) assert.notEqual(await records.redeem(id, 'hash', 5), null);
  });
  specify('I3 gives nothing for another hash or id, and the token stays good', async (records) => {
    await records.add(token({ id: 'a' }));
    assert.equal(await records.redeem('a', 'other', 5), null);
    assert.equal(await records.redeem('b', 'hash', 5), null);
    assert.notEqual(await records.redeem('a', 'hash', 5), null);
  });
  specify('I3 gives a token until its end, and not at its end', async (records) => {
    await records.add(token({ id: 'a', expiresAt: 10 }));
    await records.add(token({ id: 'b', expiresAt: 10 }));
    assert.equal(await records.redeem('a', 'hash', 10), null);
    assert.notEqual(await records.redeem('b', 'hash', 9), null);
  });
  specify('I3 gives a token to exactly one of 100 simultaneous redemptions', async (records) => {
    await records.add(token({ id: 'a' }));
    const given = await Promise.all(Array.from({ length: 100 }, () => records.redeem('a', 'hash', 5)));
    assert.equal(given.filter((record) => record !== null).length, 1);
  });
  specify('refuses an id that exists', async (records) => {
    await records.add(token({ id: 'a' }));
    await assert.rejects(records.add(token({ id: 'a', secretHash: 'other' })), isFault('conflict'));
  });
  specify('lists the oldest first', async (records) => {
    await records.add(token({ id: 'b', createdAt: 2 }));
    await records.add(token({ id: 'a', createdAt: 3 }));
    await records.add(token({ id: 'c', createdAt: 1 }));
    assert.deepEqual(
      (await records.list()).map(({ id }) => id),
      ['c', 'b', 'a'],
    );
  });
}

function token(members: Partial<JoinTokenRecord> & { readonly id: string }): JoinTokenRecord {
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
    ...members,
  };
}
