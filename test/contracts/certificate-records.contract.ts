import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateRecord, CertificateRecords } from '../../src/ca/certificate-records.ts';
import { isFault } from './is-fault.ts';

/** What every store of issuance records keeps to. The factory gives a fresh, empty one for the length of `use`. */
export function certificateRecordsContract(
  adapter: string,
  withRecords: (use: (records: CertificateRecords) => Promise<void>) => Promise<void>,
): void {
  const specify = (title: string, use: (records: CertificateRecords) => Promise<void>): void => {
    test(`${adapter}: ${title}`, () => withRecords(use));
  };
  const der = new Uint8Array([0x30, 0x03, 0x02, 0x01, 0xff]);

  specify('keeps a reservation exactly as it was given', async (records) => {
    const record = reserved({ serial: '0a', replaces: '09' });
    await records.reserve(record);
    assert.deepEqual(await records.find('0a'), record);
    assert.equal(await records.find('0b'), null);
  });
  specify('I2 refuses a serial that was given out before, whatever became of it', async (records) => {
    for (const serial of ['0a', '0b', '0c', '0d']) await records.reserve(reserved({ serial }));
    await records.complete('0b', der);
    await records.abandon('0c');
    await records.revoke('0d', 'lost', 5);
    for (const serial of ['0a', '0b', '0c', '0d']) {
      await assert.rejects(records.reserve(reserved({ serial })), isFault('conflict'));
    }
  });
  specify('gives one of 50 simultaneous reservations of a serial and refuses the others', async (records) => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, () => records.reserve(reserved({ serial: '0a' }))),
    );
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  });
  specify('completes a reservation with the certificate', async (records) => {
    await records.reserve(reserved({ serial: '0a' }));
    await records.complete('0a', der);
    const record = await records.find('0a');
    assert.equal(record?.state, 'issued');
    assert.deepEqual(record.der && [...record.der], [...der]);
  });
  specify(
    'completes nothing twice, nothing abandoned, nothing revoked and nothing unknown',
    async (records) => {
      for (const serial of ['0a', '0b', '0c']) await records.reserve(reserved({ serial }));
      await records.complete('0a', der);
      await records.abandon('0b');
      await records.revoke('0c', 'lost', 5);
      for (const serial of ['0a', '0b', '0c']) {
        await assert.rejects(records.complete(serial, der), isFault('conflict'));
      }
      await assert.rejects(records.complete('ff', der), isFault('not_found'));
    },
  );
  specify('abandons a reservation, again without harm, and nothing that was issued', async (records) => {
    for (const serial of ['0a', '0b']) await records.reserve(reserved({ serial }));
    await records.abandon('0a');
    await records.abandon('0a');
    assert.equal((await records.find('0a'))?.state, 'abandoned');
    await records.complete('0b', der);
    await assert.rejects(records.abandon('0b'), isFault('conflict'));
    await assert.rejects(records.abandon('ff'), isFault('not_found'));
  });
  specify('I6 revokes once: the first reason and time stay', async (records) => {
    await records.reserve(reserved({ serial: '0a' }));
    await records.complete('0a', der);
    assert.equal(await records.revoke('0a', 'stolen', 5), true);
    assert.equal(await records.revoke('0a', 'again', 6), false);
    const record = await records.find('0a');
    assert.deepEqual([record?.state, record?.reason, record?.revokedAt], ['revoked', 'stolen', 5]);
    assert.deepEqual(record?.der && [...record.der], [...der]);
    await assert.rejects(records.revoke('ff', 'stolen', 5), isFault('not_found'));
  });
  specify(
    'I6 revokes what was reserved or abandoned: it may have been signed before a crash',
    async (records) => {
      for (const serial of ['0a', '0b']) await records.reserve(reserved({ serial }));
      await records.abandon('0b');
      assert.equal(await records.revoke('0a', 'crash', 5), true);
      assert.equal(await records.revoke('0b', 'crash', 5), true);
      assert.equal((await records.list({ state: 'revoked' })).length, 2);
    },
  );
  specify('I7 a hold is a revocation that can be taken back, or made one for good', async (records) => {
    for (const serial of ['0a', '0b', '0c']) await records.reserve(reserved({ serial }));
    for (const serial of ['0a', '0b']) await records.complete(serial, der);
    for (const serial of ['0a', '0b', '0c']) {
      assert.equal(await records.revoke(serial, 'looked into', 5, 'certificateHold'), true);
      assert.equal(await records.revoke(serial, 'again', 6, 'certificateHold'), false);
    }
    assert.equal(await records.reinstate('0a'), true);
    assert.equal(await records.reinstate('0a'), false);
    const back = await records.find('0a');
    assert.deepEqual(
      [back?.state, back?.reason, back?.revokedAt, back?.revocation],
      ['issued', null, null, null],
    );
    assert.deepEqual(back?.der && [...back.der], [...der]);
    assert.equal(await records.revoke('0b', 'stolen', 7, 'keyCompromise'), true);
    const dead = await records.find('0b');
    assert.deepEqual(
      [dead?.state, dead?.reason, dead?.revokedAt, dead?.revocation],
      ['revoked', 'stolen', 7, 'keyCompromise'],
    );
    await assert.rejects(records.reinstate('0b'), isFault('conflict'));
    assert.equal(await records.revoke('0b', 'held after all', 8, 'certificateHold'), false);
    assert.equal(await records.reinstate('0c'), true);
    assert.equal((await records.find('0c'))?.state, 'abandoned', 'there is no certificate to go back to');
    await assert.rejects(records.reinstate('ff'), isFault('not_found'));
  });
  specify('I7 lists what of an issuer is revoked or on hold, by its end', async (records) => {
    await records.reserve(reserved({ serial: '0c', notAfter: 30 }));
    await records.reserve(reserved({ serial: '0a', notAfter: 20, issuer: '01' }));
    await records.reserve(reserved({ serial: '0b', notAfter: 10 }));
    await records.reserve(reserved({ serial: '0d', notAfter: 30 }));
    await records.reserve(reserved({ serial: '0e', notAfter: 30, issuer: '02' }));
    await records.revoke('0e', 'of another issuer', 5);
    await records.revoke('0a', 'stolen', 5, 'keyCompromise');
    await records.revoke('0b', 'stolen', 6);
    await records.revoke('0c', 'looked into', 7, 'certificateHold');
    assert.deepEqual(
      (await records.listRevoked(20, '01')).map((entry) => ({ ...entry })),
      [
        { serial: '0a', revokedAt: 5, reason: 'keyCompromise' },
        { serial: '0c', revokedAt: 7, reason: 'certificateHold' },
      ],
    );
    assert.equal((await records.listRevoked(0, '01'))[1]?.reason, 'unspecified');
  });
  specify('lists by every filter together, oldest reservation first', async (records) => {
    await records.reserve(reserved({ serial: '03', name: 'a', reservedAt: 3, notAfter: 30 }));
    await records.reserve(reserved({ serial: '01', name: 'a', reservedAt: 1, notAfter: 10 }));
    await records.reserve(
      reserved({
        serial: '02',
        name: 'b',
        kind: 'server',
        reservedAt: 2,
        notAfter: 20,
        keyHash: 'a2V5',
        issuer: '0f',
      }),
    );
    await records.complete('01', der);
    const serials = async (filter: Parameters<CertificateRecords['list']>[0]): Promise<string[]> =>
      (await records.list(filter)).map(({ serial }) => serial);
    assert.deepEqual(await serials({}), ['01', '02', '03']);
    assert.deepEqual(await serials({ name: 'a' }), ['01', '03']);
    assert.deepEqual(await serials({ kind: 'server' }), ['02']);
    assert.deepEqual(await serials({ state: 'issued' }), ['01']);
    assert.deepEqual(await serials({ expiresBefore: 20 }), ['01']);
    assert.deepEqual(await serials({ name: 'a', state: 'reserved', expiresBefore: 31 }), ['03']);
    assert.deepEqual(await serials({ keyHash: 'a2V5' }), ['02']);
    assert.deepEqual(await serials({ issuer: '0f' }), ['02']);
    assert.deepEqual(await serials({ endsFrom: 20 }), ['02', '03']);
    assert.deepEqual(await serials({ name: 'nobody' }), []);
    await records.reserve(reserved({ serial: '04', name: 'a', reservedAt: 4, replaces: '01' }));
    assert.deepEqual(await serials({ name: 'a', notReplaced: true }), ['01', '03', '04']);
    await records.complete('04', der);
    assert.deepEqual(await serials({ name: 'a', notReplaced: true }), ['03', '04']);
  });
  specify('knows the latest reservation', async (records) => {
    assert.equal(await records.lastReservedAt(), null);
    await records.reserve(reserved({ serial: '01', reservedAt: 7 }));
    await records.reserve(reserved({ serial: '02', reservedAt: 4 }));
    assert.equal(await records.lastReservedAt(), 7);
  });
}

/** A reservation with the given members, the others filled in. */
export function reserved(
  members: Partial<CertificateRecord> & { readonly serial: string },
): CertificateRecord {
  return {
    name: 'ci-bot',
    kind: 'agent',
    spiffeId: 'spiffe://example.internal/agent/ci-bot',
    state: 'reserved',
    notBefore: 0,
    notAfter: 3_600_000,
    reservedAt: 1,
    tbsHash: 'aGFzaA',
    der: null,
    replaces: null,
    door: 'admin',
    revokedAt: null,
    reason: null,
    revocation: null,
    keyHash: null,
    issuer: null,
    hardware: null,
    ...members,
  };
}
