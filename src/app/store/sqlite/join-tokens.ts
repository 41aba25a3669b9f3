import type { DatabaseSync } from 'node:sqlite';
import type {
  Batch,
  JoinTokenRecord,
  JoinTokenRecords,
} from '../../../enrol/join-token/join-token-records.ts';
import { Fault } from '../../../kernel/fault.ts';
import { addAgent } from './agents.ts';
import type { Connection } from './connection.ts';
import { isTaken } from './storage-fault.ts';

/** The join tokens of the store. */
export function joinTokenRecords(connection: Connection): JoinTokenRecords {
  const { database, read, write } = connection;
  const insert = database.prepare(
    `INSERT INTO join_tokens (id, secret_hash, name, kind, created_at, expires_at, redeemed_at, created_by, dns_names,
       ip_addresses, batch, uses_left) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const find = database.prepare(
    'SELECT * FROM join_tokens WHERE id = ?1 AND secret_hash = ?2 AND uses_left > 0 AND ?3 < expires_at',
  );
  // One statement is the whole compare-and-set: of many callers, in any process, as many get the row as it has uses.
  const use = database.prepare(
    `UPDATE join_tokens SET redeemed_at = ?2, uses_left = uses_left - 1
     WHERE id = ?1 AND uses_left > 0 AND ?2 < expires_at RETURNING kind, batch`,
  );
  const end = (where: string, now: number, ...values: string[]): number => {
    const { changes } = database
      .prepare(`UPDATE join_tokens SET expires_at = ?1 WHERE uses_left > 0 AND ?1 < expires_at AND ${where}`)
      .run(now, ...values);
    return Number(changes);
  };
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
            record.batch && JSON.stringify(without(record.batch)),
            usesLeft(record),
          );
        } catch (error) {
          if (!isTaken(error)) throw error;
          throw new Fault('conflict', `A join token ${record.id} exists already.`, { cause: error });
        }
      }),
    find: (id, secretHash, now) =>
      read(() => {
        const row = find.get(id, secretHash, now);
        return row ? toRecord(row as unknown as JoinTokenRow) : null;
      }),
    use: (id, { name, agent }, now) =>
      write((note) => {
        const row = use.get(id, now);
        if (!row) return false;
        if (row['batch'] === null) return true;
        giveName(database, { kind: String(row['kind']), name, token: id });
        if (agent) addAgent(database, agent, note);
        return true;
      }),
    withdraw: (name, kinds, now) =>
      write(() =>
        end('name = ?2 AND kind IN (SELECT value FROM json_each(?3))', now, name, JSON.stringify(kinds)),
      ),
    withdrawOwned: (owner, now) => write(() => end(`batch ->> 'owner' = ?2`, now, owner)),
    end: (id, now) =>
      write(() => {
        const known = database.prepare('SELECT 1 FROM join_tokens WHERE id = ?').get(id);
        if (!known)
          throw new Fault('not_found', `There is no join token ${id}. See: countersign join-token list`);
        return end('id = ?2', now, id) === 1;
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
  readonly batch: string | null;
  readonly uses_left: number;
}

/** A name that a batch token gives, once for all. Throws Fault `conflict` for one that somebody has or had. */
function giveName(
  database: DatabaseSync,
  given: { readonly kind: string; readonly name: string; readonly token: string },
): void {
  const { kind, name, token } = given;
  const { changes } = database
    .prepare(
      `INSERT INTO batch_names (kind, name, token) SELECT ?1, ?2, ?3
       WHERE NOT EXISTS (SELECT 1 FROM certificates WHERE name = ?2 AND kind = ?1) ON CONFLICT DO NOTHING`,
    )
    .run(kind, name, token);
  if (changes === 1) return;
  throw new Fault('conflict', `The name ${name} is taken: a batch token gives new names only.`);
}

function usesLeft({ batch, redeemedAt }: JoinTokenRecord): number {
  if (batch) return batch.count - batch.used;
  return redeemedAt === null ? 1 : 0;
}

/** What of a batch does not change. */
function without({ used: _used, ...fixed }: Batch): Omit<Batch, 'used'> {
  return fixed;
}

function batchOf({ batch, uses_left }: JoinTokenRow): Batch | null {
  if (batch === null) return null;
  const fixed = JSON.parse(batch) as Omit<Batch, 'used'>;
  return { ...fixed, used: fixed.count - uses_left };
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
    batch: batchOf(row),
  };
}
