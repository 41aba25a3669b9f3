import type {
  AcmeAccountRecord,
  AcmeAccountRecords,
  AcmeKeyRecord,
  AcmeKeyRecords,
} from '../../../enrol/acme/acme-records.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Connection } from './connection.ts';
import { isTaken } from './storage-fault.ts';

/** The external account keys of the store. */
export function acmeKeyRecords({ database, read, write }: Connection): AcmeKeyRecords {
  const insert = database.prepare(
    `INSERT INTO acme_keys (id, kind, name, dns_names, ip_addresses, created_at, expires_at, used_at, created_by)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const remove = database.prepare('DELETE FROM acme_keys WHERE id = ? AND used_at IS NULL');
  const all = database.prepare('SELECT * FROM acme_keys ORDER BY created_at, id');
  return {
    add: (record) =>
      write(() => {
        insert.run(
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
    list: () => read(() => all.all().map((row) => toKey(row as unknown as KeyRow))),
    remove: (id) => write(() => remove.run(id).changes > 0),
  };
}

/** The ACME accounts of the store. */
export function acmeAccountRecords({ database, read, write }: Connection): AcmeAccountRecords {
  // One statement is the whole compare-and-set: of many callers, in any process, one gets the row.
  const useKey = database.prepare(
    'UPDATE acme_keys SET used_at = ?2 WHERE id = ?1 AND used_at IS NULL AND ?2 < expires_at RETURNING *',
  );
  const insert = database.prepare(
    `INSERT INTO acme_accounts (id, thumbprint, jwk, contact, status, created_at, key_id, kind, name, dns_names,
       ip_addresses, created_by) VALUES (?, ?, ?, ?, 'valid', ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
  );
  const byId = database.prepare('SELECT * FROM acme_accounts WHERE id = ?');
  const byThumbprint = database.prepare('SELECT * FROM acme_accounts WHERE thumbprint = ?');
  const all = database.prepare('SELECT * FROM acme_accounts ORDER BY created_at, id');
  const setContact = database.prepare('UPDATE acme_accounts SET contact = ? WHERE id = ?');
  const close = database.prepare(`UPDATE acme_accounts SET status = ? WHERE id = ? AND status = 'valid'`);
  const endOrders = database.prepare(
    `UPDATE acme_orders SET status = 'invalid' WHERE account_id = ? AND status IN ('pending', 'ready')`,
  );
  const endAuthorizations = database.prepare(
    `UPDATE acme_authorizations SET status = 'deactivated' WHERE account_id = ? AND status IN ('pending', 'valid')`,
  );
  const changeKey = database.prepare(
    `UPDATE acme_accounts SET thumbprint = ?, jwk = ? WHERE id = ? AND thumbprint = ? AND status = 'valid'`,
  );
  return {
    open: (account, now) =>
      write(() => {
        const key = useKey.get(account.keyId, now) as unknown as KeyRow | undefined;
        if (!key) return null;
        const { id, thumbprint, jwk, contact, keyId } = account;
        const row = unlessTaken(() =>
          insert.get(
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
          ),
        );
        return toAccount(row as unknown as AccountRow);
      }),
    find: (id) => read(() => accountOrNull(byId.get(id))),
    findByThumbprint: (thumbprint) => read(() => accountOrNull(byThumbprint.get(thumbprint))),
    list: () => read(() => all.all().map((row) => toAccount(row as unknown as AccountRow))),
    setContact: (id, contact) =>
      write(() => {
        setContact.run(JSON.stringify(contact), id);
      }),
    close: (id, status) =>
      write(() => {
        if (close.run(status, id).changes === 0) return false;
        endOrders.run(id);
        endAuthorizations.run(id);
        return true;
      }),
    changeKey: (id, from, to) =>
      write(() => {
        const { changes } = unlessTaken(() => changeKey.run(to.thumbprint, to.jwk, id, from));
        if (changes === 0) throw new Fault('conflict', 'The key of the account was changed meanwhile.');
      }),
  };
}

function unlessTaken<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw new Fault('conflict', 'This key belongs to an account already.', { cause: error });
  }
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

function accountOrNull(row: object | undefined): AcmeAccountRecord | null {
  return row ? toAccount(row as AccountRow) : null;
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
