import type { CertificateRecord, CertificateRecords } from '../../../ca/certificate-records.ts';
import { mayRevoke, stateAfterHold } from '../../../ca/hold.ts';
import { sha256Base64url } from '../../../kernel/bytes.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { CrlEntry } from '../../../x509/build-crl.ts';
import type { RevocationReason } from '../../../x509/revocation-reason.ts';
import type { CertificateStanding } from '../change-feed.ts';
import type { Connection, NewChange } from '../connection.ts';
import { all, one, run, type SqlValue, type Work } from '../work.ts';
import { endTokensOf } from './token-ends.ts';

const insert = `INSERT INTO certificates (serial, name, kind, spiffe_id, state, not_before, not_after, reserved_at, tbs_hash,
  der, replaces, door, revoked_at, reason, revocation, key_hash, issuer, hardware, instance)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
const setRevoked = `UPDATE certificates SET state = 'revoked', reason = ?, revoked_at = ?, revocation = ? WHERE serial = ?`;
const setReinstated =
  'UPDATE certificates SET state = ?, reason = NULL, revoked_at = NULL, revocation = NULL WHERE serial = ?';
const selectRevoked = `SELECT serial, revoked_at AS "revokedAt", coalesce(revocation, 'unspecified') AS reason
  FROM certificates WHERE state = 'revoked' AND not_after >= ? AND (issuer IS NULL OR issuer = ?) ORDER BY serial`;

/** The certificates of the store. */
export function certificateRecords({ read, write }: Connection): CertificateRecords {
  return {
    reserve: (record) =>
      write(function* (note) {
        if ((yield* run(insert, ...toColumns(record))) === 0)
          throw new Fault('conflict', `The serial ${record.serial} was given out before.`);
        note(changeOf(record));
      }),
    complete: (serial, der) =>
      write(function* (note) {
        const record = yield* findIn(serial, ['reserved']);
        yield* run(`UPDATE certificates SET state = 'issued', der = ? WHERE serial = ?`, der, serial);
        note(changeOf({ ...record, state: 'issued', der }));
      }),
    abandon: (serial) =>
      write(function* (note) {
        const record = yield* findIn(serial, ['reserved', 'abandoned']);
        if (record.state === 'abandoned') return;
        yield* run(`UPDATE certificates SET state = 'abandoned' WHERE serial = ?`, serial);
        note(changeOf({ ...record, state: 'abandoned' }));
      }),
    find: (serial) => read(() => find(serial)),
    list: (filter) =>
      read(() => {
        const { where, values } = condition(filter);
        return all(toRecord, `SELECT * FROM certificates ${where} ORDER BY reserved_at, serial`, ...values);
      }),
    revoke: (serial, reason, at, revocation = 'unspecified') =>
      write(function* (note) {
        // A serial that was reserved or abandoned may have been signed before a crash; it can be revoked too.
        const record = yield* findIn(serial, ['reserved', 'issued', 'abandoned', 'revoked']);
        if (!mayRevoke(record, revocation)) return false;
        yield* run(setRevoked, reason, at, revocation, serial);
        if (endsGrants(record, revocation)) {
          yield* endTokensOf({ kind: 'agent', key: record.spiffeId, at }, note);
        }
        note(changeOf({ ...record, state: 'revoked' }));
        return true;
      }),
    reinstate: (serial) =>
      write(function* (note) {
        const record = yield* findIn(serial, ['reserved', 'issued', 'abandoned', 'revoked']);
        if (record.state !== 'revoked') return false;
        const state = stateAfterHold(record);
        yield* run(setReinstated, state, serial);
        note(changeOf({ ...record, state }));
        return true;
      }),
    listRevoked: (endsFrom, issuer) =>
      read(() => all((row: CrlEntry) => ({ ...row }), selectRevoked, endsFrom, issuer)),
    lastReservedAt: () =>
      read(() =>
        one(
          (row: { readonly at: number | null }) => row.at,
          'SELECT max(reserved_at) AS at FROM certificates',
        ),
      ),
  };
}

function find(serial: string): Work<CertificateRecord | null> {
  return one(toRecord, 'SELECT * FROM certificates WHERE serial = ?', serial);
}

function* findIn(serial: string, states: readonly CertificateRecord['state'][]): Work<CertificateRecord> {
  const record = yield* find(serial);
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

/**
 * Whether what an agent was granted ends with a certificate of it: who lost the key of one may have lost more. A hold can be taken
 * back, and what only makes room for a better certificate takes nothing away.
 */
function endsGrants({ kind }: CertificateRecord, revocation: RevocationReason): boolean {
  return (kind === 'agent' || kind === 'ephemeral') && !harmless.has(revocation);
}

const harmless: ReadonlySet<RevocationReason> = new Set(['certificateHold', 'superseded']);

/** What others need to know of a certificate. */
export function toStanding(
  record: Pick<CertificateRecord, 'serial' | 'name' | 'kind' | 'state' | 'notAfter' | 'der'> & {
    readonly hardware: object | string | null;
  },
): CertificateStanding {
  const { serial, name, kind, state, notAfter, der, hardware } = record;
  const thumbprint = der === null ? null : sha256Base64url(der);
  return { serial, name, kind, state, notAfter, thumbprint, ...(hardware !== null && { hardware: true }) };
}

function changeOf(record: CertificateRecord): NewChange {
  const relied = record.state === 'issued' || record.state === 'revoked';
  return { kind: 'certificate', key: record.serial, value: relied ? toStanding(record) : null };
}

const notReplaced = `NOT EXISTS (SELECT 1 FROM certificates AS later
  WHERE later.replaces = certificates.serial AND later.state = 'issued')`;

type Filter = Parameters<CertificateRecords['list']>[0];

function condition(filter: Filter): { where: string; values: SqlValue[] } {
  const parts: [string, SqlValue | undefined][] = [
    ['name = ?', filter.name],
    ['kind = ?', filter.kind],
    ['state = ?', filter.state],
    ['not_after < ?', filter.expiresBefore],
    ['key_hash = ?', filter.keyHash],
    ['issuer = ?', filter.issuer],
    ['not_after >= ?', filter.endsFrom],
  ];
  const given = parts.filter((part): part is [string, SqlValue] => part[1] !== undefined);
  const texts = [...given.map(([text]) => text), ...(filter.notReplaced ? [notReplaced] : [])];
  if (texts.length === 0) return { where: '', values: [] };
  return {
    where: `WHERE ${texts.join(' AND ')}`,
    values: given.map(([, value]) => value),
  };
}

interface CertificateRow {
  readonly serial: string;
  readonly name: string;
  readonly kind: CertificateRecord['kind'];
  readonly spiffe_id: string;
  readonly state: CertificateRecord['state'];
  readonly not_before: number;
  readonly not_after: number;
  readonly reserved_at: number;
  readonly tbs_hash: string;
  readonly der: Uint8Array | null;
  readonly replaces: string | null;
  readonly door: string;
  readonly revoked_at: number | null;
  readonly reason: string | null;
  readonly revocation: CertificateRecord['revocation'];
  readonly key_hash: string | null;
  readonly issuer: string | null;
  readonly hardware: string | null;
  readonly instance: string | null;
}

function toRecord(row: CertificateRow): CertificateRecord {
  return {
    serial: row.serial,
    name: row.name,
    kind: row.kind,
    spiffeId: row.spiffe_id,
    state: row.state,
    notBefore: row.not_before,
    notAfter: row.not_after,
    reservedAt: row.reserved_at,
    tbsHash: row.tbs_hash,
    der: row.der,
    replaces: row.replaces,
    door: row.door,
    revokedAt: row.revoked_at,
    reason: row.reason,
    // What was revoked before reasons were noted has none.
    revocation: row.state === 'revoked' ? (row.revocation ?? 'unspecified') : null,
    keyHash: row.key_hash,
    issuer: row.issuer,
    hardware: row.hardware === null ? null : (JSON.parse(row.hardware) as CertificateRecord['hardware']),
    ...(row.instance !== null && { instance: row.instance }),
  };
}

function toColumns(record: CertificateRecord): SqlValue[] {
  return [
    record.serial,
    record.name,
    record.kind,
    record.spiffeId,
    record.state,
    record.notBefore,
    record.notAfter,
    record.reservedAt,
    record.tbsHash,
    record.der,
    record.replaces,
    record.door,
    record.revokedAt,
    record.reason,
    record.revocation,
    record.keyHash,
    record.issuer,
    record.hardware && JSON.stringify(record.hardware),
    record.instance ?? null,
  ];
}
