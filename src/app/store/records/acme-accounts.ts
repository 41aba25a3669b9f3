import type {
  AcmeAccountRecord,
  AcmeAccountRecords,
  AcmeKeyRecord,
  AcmeKeyRecords,
} from '../../../enrol/acme/acme-records.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Connection } from '../connection.ts';
import { all, exists, one, run, type Work } from '../work.ts';

const insertKey = `INSERT INTO acme_keys (id, kind, name, dns_names, ip_addresses, created_at, expires_at, used_at,
  created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
// One statement is the whole compare-and-set: of many callers, in any process, one gets the row.
const useKey =
  'UPDATE acme_keys SET used_at = ?2 WHERE id = ?1 AND used_at IS NULL AND ?2 < expires_at RETURNING *';
const insertAccount = `INSERT INTO acme_accounts (id, thumbprint, jwk, contact, status, created_at, key_id, kind, name,
  dns_names, ip_addresses, created_by) VALUES (?, ?, ?, ?, 'valid', ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO NOTHING RETURNING *`;
const endOrders = `UPDATE acme_orders SET status = 'invalid' WHERE account_id = ? AND status IN ('pending', 'ready')`;
const endAuthorizations = `UPDATE acme_authorizations SET status = 'deactivated'
  WHERE account_id = ? AND status IN ('pending', 'valid')`;
const changeKey = `UPDATE acme_accounts SET thumbprint = ?1, jwk = ?2 WHERE id = ?3 AND thumbprint = ?4
  AND status = 'valid'`;

/** The external account keys of the store. */
export function acmeKeyRecords({ read, write }: Connection): AcmeKeyRecords {
  return {
    add: (record) =>
      write(function* () {
        yield* run(
          insertKey,
          record.id,
          record.kind,
          record.name,
          JSON.stringify(record.dnsNames),
          JSON.stringify(record.ipAddresses),
          record.createdAt,
          record.expiresAt,
          record.usedAt,
          record.createdBy,
        );
      }),
    list: () => read(() => all(toKey, 'SELECT * FROM acme_keys ORDER BY created_at, id')),
    remove: (id) =>
      write(function* () {
        return (yield* run('DELETE FROM acme_keys WHERE id = ? AND used_at IS NULL', id)) > 0;
      }),
  };
}

/** The ACME accounts of the store. */
export function acmeAccountRecords({ read, write }: Connection): AcmeAccountRecords {
  return {
    open: (account, now) =>
      write(function* () {
        const { id, thumbprint, jwk, contact, keyId } = account;
        const key = yield* one((row: KeyRow) => row, useKey, keyId, now);
        if (!key) return null;
        const opened = yield* one(
          toAccount,
          insertAccount,
          id,
          thumbprint,
          jwk,
          JSON.stringify(contact),
          now,
          keyId,
          key.kind,
          key.name,
          key.dns_names,
          key.ip_addresses,
          key.created_by,
        );
        if (!opened) throw keyIsTaken();
        return opened;
      }),
    find: (id) => read(() => one(toAccount, 'SELECT * FROM acme_accounts WHERE id = ?', id)),
    findByThumbprint: (thumbprint) => read(() => findByThumbprint(thumbprint)),
    list: () => read(() => all(toAccount, 'SELECT * FROM acme_accounts ORDER BY created_at, id')),
    setContact: (id, contact) =>
      write(function* () {
        yield* run('UPDATE acme_accounts SET contact = ? WHERE id = ?', JSON.stringify(contact), id);
      }),
    close: (id, status) =>
      write(function* () {
        const closed = yield* run(
          `UPDATE acme_accounts SET status = ? WHERE id = ? AND status = 'valid'`,
          status,
          id,
        );
        if (closed === 0) return false;
        yield* run(endOrders, id);
        yield* run(endAuthorizations, id);
        return true;
      }),
    changeKey: (id, from, to) =>
      write(function* () {
        const other = yield* exists(
          'SELECT 1 FROM acme_accounts WHERE thumbprint = ? AND id <> ?',
          to.thumbprint,
          id,
        );
        if (other) throw keyIsTaken();
        if ((yield* run(changeKey, to.thumbprint, to.jwk, id, from)) === 0)
          throw new Fault('conflict', 'The key of the account was changed meanwhile.');
      }),
  };
}

function findByThumbprint(thumbprint: string): Work<AcmeAccountRecord | null> {
  return one(toAccount, 'SELECT * FROM acme_accounts WHERE thumbprint = ?', thumbprint);
}

function keyIsTaken(): Fault {
  return new Fault('conflict', 'This key belongs to an account already.');
}

interface KeyRow {
  readonly id: string;
  readonly kind: AcmeKeyRecord['kind'];
  readonly name: string;
  readonly dns_names: string;
  readonly ip_addresses: string;
  readonly created_at: number;
  readonly expires_at: number;
  readonly used_at: number | null;
  readonly created_by: string;
}

function toKey(row: KeyRow): AcmeKeyRecord {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    dnsNames: JSON.parse(row.dns_names) as string[],
    ipAddresses: JSON.parse(row.ip_addresses) as string[],
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    usedAt: row.used_at,
    createdBy: row.created_by,
  };
}

interface AccountRow extends Pick<KeyRow, 'kind' | 'name' | 'dns_names' | 'ip_addresses' | 'created_by'> {
  readonly id: string;
  readonly thumbprint: string;
  readonly jwk: string;
  readonly contact: string;
  readonly status: AcmeAccountRecord['status'];
  readonly created_at: number;
  readonly key_id: string;
}

function toAccount(row: AccountRow): AcmeAccountRecord {
  return {
    id: row.id,
    thumbprint: row.thumbprint,
    jwk: row.jwk,
    contact: JSON.parse(row.contact) as string[],
    status: row.status,
    createdAt: row.created_at,
    keyId: row.key_id,
    kind: row.kind,
    name: row.name,
    dnsNames: JSON.parse(row.dns_names) as string[],
    ipAddresses: JSON.parse(row.ip_addresses) as string[],
    createdBy: row.created_by,
  };
}
