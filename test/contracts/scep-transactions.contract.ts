import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScepTransaction, ScepTransactions } from '../../src/enrol/scep/scep-transactions.ts';

/** What every store of SCEP transactions keeps to. The factory gives a fresh, empty one for the length of `use`. */
export function scepTransactionsContract(
  adapter: string,
  withTransactions: (use: (transactions: ScepTransactions) => Promise<void>) => Promise<void>,
): void {
  const specify = (title: string, use: (transactions: ScepTransactions) => Promise<void>): void => {
    test(`${adapter}: ${title}`, () => withTransactions(use));
  };
  const one: ScepTransaction = { hash: 'a', keyHash: 'k', serial: '01', endsAt: 100 };

  specify('I3 a SCEP transaction is found until it ends, and not for longer', async (transactions) => {
    assert.equal(await transactions.find('a', 1), null);
    await transactions.put(one, 1);
    assert.deepEqual(await transactions.find('a', 99), one);
    assert.equal(await transactions.find('a', 100), null);
    assert.equal(await transactions.find('b', 1), null);
  });
  specify('I3 a SCEP transaction takes the place of one with the same hash', async (transactions) => {
    await transactions.put(one, 1);
    const next = { ...one, keyHash: 'l', serial: '02', endsAt: 200 };
    await transactions.put(next, 1);
    assert.deepEqual(await transactions.find('a', 99), next);
  });
  specify(
    'I3 a SCEP message that waits is kept as it came, until it ends or came to a certificate',
    async (transactions) => {
      const waiting = { hash: 'a', octets: new Uint8Array([1, 0, 255]), endsAt: 100 };
      assert.equal(await transactions.waiting('a', 1), null);
      await transactions.keep({ ...waiting, octets: new Uint8Array([9]) }, 1);
      await transactions.keep(waiting, 1);
      assert.deepEqual(await transactions.waiting('a', 99), waiting);
      assert.equal(await transactions.waiting('a', 100), null);
      assert.equal(await transactions.waiting('b', 1), null);
      await transactions.put(one, 1);
      assert.equal(await transactions.waiting('a', 1), null);
      assert.deepEqual(await transactions.find('a', 1), one);
    },
  );
}
