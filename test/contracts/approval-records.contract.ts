import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ApprovalRecord,
  type ApprovalRecords,
  mostWaiting,
} from '../../src/enrol/approval/approval-records.ts';
import { isFault } from './is-fault.ts';

/** What every store of requests that wait keeps to. The factory gives a fresh, empty one for the length of `use`. */
export function approvalRecordsContract(
  adapter: string,
  withRecords: (use: (records: ApprovalRecords) => Promise<void>) => Promise<void>,
): void {
  const specify = (title: string, use: (records: ApprovalRecords) => Promise<void>): void => {
    test(`${adapter}: ${title}`, () => withRecords(use));
  };
  const yes = { state: 'granted', by: 'ada', reason: null } as const;
  const no = { state: 'refused', by: 'ada', reason: 'not ours' } as const;

  specify(
    'I3 a request that is asked again is the one that waits, whatever happened to it meanwhile',
    async (records) => {
      const first = request({ id: 'a', dnsNames: ['a.internal'], address: '127.0.0.1' });
      assert.deepEqual(await records.ask(first), { record: first, added: true });
      assert.deepEqual(await records.ask(request({ id: 'b', askedAt: 2 })), { record: first, added: false });
      const granted = { ...first, state: 'granted', decidedAt: 3, decidedBy: 'ada', reason: null } as const;
      assert.deepEqual(await records.decide('a', yes, 3), granted);
      assert.deepEqual(await records.ask(request({ id: 'c', askedAt: 4 })), {
        record: granted,
        added: false,
      });
      assert.deepEqual(await records.find('a'), granted);
      assert.deepEqual(await records.list(), [granted]);
    },
  );
  specify('I3 another key, name, kind, door or owner is another request', async (records) => {
    await records.ask(request({ id: 'a' }));
    const others = [
      { keyHash: 'other' },
      { name: 'other' },
      { kind: 'gateway' as const },
      { door: 'workload' },
      { owner: 'eve' },
    ];
    for (const [at, other] of others.entries()) {
      assert.equal((await records.ask(request({ id: `b${at}`, ...other }))).added, true);
    }
  });
  specify('I3 what was granted is used once, and by one of 100 at once', async (records) => {
    await records.ask(request({ id: 'a' }));
    assert.equal(await records.use('a', 2), false);
    await records.decide('a', yes, 3);
    const used = await Promise.all(Array.from({ length: 100 }, () => records.use('a', 4)));
    assert.equal(used.filter(Boolean).length, 1);
    await assert.rejects(records.decide('a', no, 5), isFault('conflict'));
    // Its key can be asked for again, and waits again.
    assert.equal((await records.ask(request({ id: 'b', askedAt: 6 }))).added, true);
  });
  specify(
    'I3 what was granted and not used can be refused, and what was refused stays so',
    async (records) => {
      await records.ask(request({ id: 'a' }));
      await records.decide('a', yes, 2);
      await records.decide('a', no, 3);
      assert.equal(await records.use('a', 4), false);
      await assert.rejects(records.decide('a', yes, 4), isFault('conflict'));
      const again = await records.ask(request({ id: 'b', askedAt: 5 }));
      assert.deepEqual(
        [again.added, again.record.state, again.record.reason],
        [false, 'refused', 'not ours'],
      );
    },
  );
  specify(
    'I3 a request that is over is neither decided nor used, and its key may ask again',
    async (records) => {
      await records.ask(request({ id: 'a', expiresAt: 10 }));
      await records.ask(request({ id: 'b', keyHash: 'other', expiresAt: 10 }));
      await records.decide('b', yes, 9);
      await assert.rejects(records.decide('a', yes, 10), isFault('conflict'));
      assert.equal(await records.use('b', 10), false);
      assert.equal((await records.ask(request({ id: 'c', askedAt: 10 }))).added, true);
      await assert.rejects(records.decide('z', yes, 2), isFault('not_found'));
      assert.equal(await records.find('z'), null);
    },
  );
  specify('I3 no more wait than are let in under one name and in all', async (records) => {
    for (let at = 0; at < mostWaiting.alike; at++) {
      await records.ask(request({ id: `a${at}`, keyHash: `k${at}` }));
    }
    await assert.rejects(records.ask(request({ id: 'x', keyHash: 'x' })), isFault('limit_reached'));
    await records.decide('a0', no, 2);
    await records.ask(request({ id: 'x', keyHash: 'x' }));
    for (let at = mostWaiting.alike; at < mostWaiting.all; at++) {
      await records.ask(request({ id: `b${at}`, name: `n${at}` }));
    }
    await assert.rejects(records.ask(request({ id: 'y', name: 'y' })), isFault('limit_reached'));
  });
}

function request(members: Partial<ApprovalRecord> & { readonly id: string }): ApprovalRecord {
  return {
    name: 'ci-bot',
    kind: 'agent',
    door: 'join-token',
    owner: 'ada',
    keyHash: 'key',
    dnsNames: [],
    ipAddresses: [],
    address: null,
    state: 'waiting',
    askedAt: 1,
    expiresAt: 600_000,
    decidedAt: null,
    decidedBy: null,
    reason: null,
    ...members,
  };
}
