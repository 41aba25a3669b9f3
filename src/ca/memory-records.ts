import { Fault } from '../kernel/fault.ts';
import type { CertificateRecord, CertificateRecords } from './certificate-records.ts';
import { mayRevoke, stateAfterHold } from './hold.ts';

/** An issuance record that lives as long as the process. */
export function memoryRecords(): CertificateRecords {
  const rows = new Map<string, CertificateRecord>();

  function row(serial: string, states: readonly CertificateRecord['state'][]): CertificateRecord {
    const record = rows.get(serial);
    if (!record)
      throw new Fault(
        'not_found',
        `No certificate with serial ${serial} was reserved here. See: countersign cert list`,
      );
    if (!states.includes(record.state)) {
      throw new Fault('conflict', `The certificate with serial ${serial} is ${record.state} already.`);
    }
    return record;
  }

  const isReplaced = (serial: string): boolean =>
    [...rows.values()].some(({ replaces, state }) => replaces === serial && state === 'issued');

  return {
    async reserve(record) {
      if (rows.has(record.serial))
        throw new Fault('conflict', `The serial ${record.serial} was given out before.`);
      rows.set(record.serial, Object.freeze({ ...record }));
    },
    async complete(serial, der) {
      rows.set(
        serial,
        Object.freeze({ ...row(serial, ['reserved']), state: 'issued', der: new Uint8Array(der) }),
      );
    },
    async abandon(serial) {
      rows.set(serial, Object.freeze({ ...row(serial, ['reserved', 'abandoned']), state: 'abandoned' }));
    },
    async find(serial) {
      return rows.get(serial) ?? null;
    },
    async list(filter) {
      return [...rows.values()]
        .filter((record) => matches(record, filter))
        .filter(({ serial }) => !filter.notReplaced || !isReplaced(serial))
        .sort((a, b) => a.reservedAt - b.reservedAt || (a.serial < b.serial ? -1 : 1));
    },
    async revoke(serial, reason, at, revocation = 'unspecified') {
      const record = row(serial, ['reserved', 'issued', 'abandoned', 'revoked']);
      if (!mayRevoke(record, revocation)) return false;
      rows.set(serial, Object.freeze({ ...record, state: 'revoked', reason, revokedAt: at, revocation }));
      return true;
    },
    async reinstate(serial) {
      const record = row(serial, ['reserved', 'issued', 'abandoned', 'revoked']);
      if (record.state !== 'revoked') return false;
      const state = stateAfterHold(record);
      rows.set(serial, Object.freeze({ ...record, state, reason: null, revokedAt: null, revocation: null }));
      return true;
    },
    async listRevoked(endsFrom, issuer) {
      return [...rows.values()]
        .filter(({ state, notAfter }) => state === 'revoked' && notAfter >= endsFrom)
        .filter((record) => record.issuer === null || record.issuer === issuer)
        .map(({ serial, revokedAt, revocation }) => ({
          serial,
          revokedAt: revokedAt ?? 0,
          reason: revocation ?? 'unspecified',
        }))
        .sort((a, b) => (a.serial < b.serial ? -1 : 1));
    },
    async lastReservedAt() {
      let last: number | null = null;
      for (const { reservedAt } of rows.values()) last = Math.max(last ?? reservedAt, reservedAt);
      return last;
    },
  };
}

function matches(record: CertificateRecord, filter: Parameters<CertificateRecords['list']>[0]): boolean {
  return (
    (filter.name === undefined || record.name === filter.name) &&
    (filter.kind === undefined || record.kind === filter.kind) &&
    (filter.state === undefined || record.state === filter.state) &&
    (filter.keyHash === undefined || record.keyHash === filter.keyHash) &&
    (filter.issuer === undefined || record.issuer === filter.issuer) &&
    (filter.endsFrom === undefined || record.notAfter >= filter.endsFrom) &&
    (filter.expiresBefore === undefined || record.notAfter < filter.expiresBefore)
  );
}
