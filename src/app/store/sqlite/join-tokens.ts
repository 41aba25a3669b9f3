import type { JoinTokenRecord, JoinTokenRecords } from '../../../enrol/join-token/join-token-records.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Connection } from './connection.ts';
import { isTaken } from './storage-fault.ts';

/** The join tokens of the store. */
export function joinTokenRecords(connection: Connection): JoinTokenRecords {
  const { database, read, write } = connection;
  const insert = database.prepare(
    `INSERT INTO join_tokens (id, secret_hash, name, kind, created_at, expires_at, redeemed_at, created_by, dns_names,
       ip_addresses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  // One statement is the whole compare-and-set: of many callers, in any process, one gets the row.
  const redeem = database.prepare(
    `UPDATE join_tokens SET redeemed_at = ?3
     WHERE id = ?1 AND secret_hash = ?2 AND redeemed_at IS NULL AND ?3 < expires_at RETURNING *`,
  );
  return {
    add: (record) =>
      write(() => {
        try {
          insert.run(
            record.id,
            record.secretHash,
            record.name,
            record.kind,
            record.createdAt,
            record.expiresAt,
            record.redeemedAt,
            record.createdBy,
            JSON.stringify(record.dnsNames),
            JSON.stringify(record.ipAddresses),
          );
        } catch (error) {
          if (!isTaken(error)) throw error;
          throw new Fault('conflict', `A join token ${record.id} exists already.`, { cause: error });
        }
      }),
    redeem: (id, secretHash, now) =>
      write(() => {
        const row = redeem.get(id, secretHash, now);
        return row ? toRecord(row as unknown as JoinTokenRow) : null;
      }),
    withdraw: (name, kinds, now) =>
      write(() => {
        const { changes } = database
          .prepare(
            `UPDATE join_tokens SET expires_at = ?2 WHERE name = ?1 AND redeemed_at IS NULL AND ?2 < expires_at
             AND kind IN (SELECT value FROM json_each(?3))`,
          )
          .run(name, now, JSON.stringify(kinds));
        return Number(changes);
      }),
    list: () =>
      read(() => {
        const rows = database.prepare('SELECT * FROM join_tokens ORDER BY created_at, id').all();
        return rows.map((row) => toRecord(row as unknown as JoinTokenRow));
      }),
  };
}

interface JoinTokenRow {
  readonly id: string;
  readonly secret_hash: string;
  readonly name: string;
  readonly kind: JoinTokenRecord['kind'];
  readonly created_at: number;
  readonly expires_at: number;
  readonly redeemed_at: number | null;
  readonly created_by: string;
  readonly dns_names: string;
  readonly ip_addresses: string;
}

function toRecord(row: JoinTokenRow): JoinTokenRecord {
  return {
    id: row.id,
    secretHash: row.secret_hash,
    name: row.name,
    kind: row.kind,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    redeemedAt: row.redeemed_at,
    createdBy: row.created_by,
    dnsNames: JSON.parse(row.dns_names) as string[],
    ipAddresses: JSON.parse(row.ip_addresses) as string[],
  };
}
