import { notDecidable, tooManyWait } from '../../../enrol/approval/approval-faults.ts';
import {
  type ApprovalRecord,
  type ApprovalRecords,
  keptMilliseconds,
  mostWaiting,
} from '../../../enrol/approval/approval-records.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Connection } from './connection.ts';

const alike = 'name = ?1 AND kind = ?2 AND door = ?3 AND owner = ?4';

/** The requests of the store that wait for an administrator. */
export function approvalRecords({ database, read, write }: Connection): ApprovalRecords {
  const forget = database.prepare('DELETE FROM approvals WHERE expires_at <= ?');
  const same = database.prepare(
    `SELECT * FROM approvals WHERE key_hash = ?5 AND ${alike} AND state <> 'used' AND ?6 < expires_at
     ORDER BY asked_at DESC LIMIT 1`,
  );
  const waiting = database.prepare(
    `SELECT count(*) AS "all", coalesce(sum(${alike}), 0) AS alike FROM approvals
     WHERE state = 'waiting' AND ?5 < expires_at`,
  );
  const insert = database.prepare(
    `INSERT INTO approvals (id, name, kind, door, owner, key_hash, dns_names, ip_addresses, address, state, asked_at,
       expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const decide = database.prepare(
    `UPDATE approvals SET state = ?2, decided_at = ?3, decided_by = ?4, reason = ?5
     WHERE id = ?1 AND ?3 < expires_at AND (state = 'waiting' OR (state = 'granted' AND ?2 = 'refused')) RETURNING *`,
  );
  const use = database.prepare(
    `UPDATE approvals SET state = 'used' WHERE id = ?1 AND state = 'granted' AND ?2 < expires_at`,
  );
  const select = database.prepare('SELECT * FROM approvals WHERE id = ?');
  const find = (id: string): ApprovalRecord | null => {
    const row = select.get(id);
    return row ? toRecord(row as unknown as ApprovalRow) : null;
  };
  return {
    ask: (record) =>
      write(() => {
        const { name, kind, door, owner, keyHash, askedAt: now } = record;
        forget.run(now - keptMilliseconds);
        const known = same.get(name, kind, door, owner, keyHash, now);
        if (known) return { record: toRecord(known as unknown as ApprovalRow), added: false };
        const counts = waiting.get(name, kind, door, owner, now);
        if (Number(counts?.['all']) >= mostWaiting.all || Number(counts?.['alike']) >= mostWaiting.alike) {
          throw tooManyWait();
        }
        insert.run(
          record.id,
          name,
          kind,
          door,
          owner,
          keyHash,
          JSON.stringify(record.dnsNames),
          JSON.stringify(record.ipAddresses),
          record.address,
          record.state,
          now,
          record.expiresAt,
        );
        return { record, added: true };
      }),
    find: (id) => read(() => find(id)),
    decide: (id, { state, by, reason }, now) =>
      write(() => {
        const row = decide.get(id, state, now, by, reason);
        if (row) return toRecord(row as unknown as ApprovalRow);
        const found = find(id);
        if (!found) throw new Fault('not_found', `No request ${id} waits. See: countersign approval list`);
        throw notDecidable(found, now);
      }),
    use: (id, now) => write(() => Number(use.run(id, now).changes) === 1),
    list: () =>
      read(() => {
        const rows = database.prepare('SELECT * FROM approvals ORDER BY asked_at, id').all();
        return rows.map((row) => toRecord(row as unknown as ApprovalRow));
      }),
  };
}

interface ApprovalRow {
  readonly id: string;
  readonly name: string;
  readonly kind: ApprovalRecord['kind'];
  readonly door: string;
  readonly owner: string;
  readonly key_hash: string;
  readonly dns_names: string;
  readonly ip_addresses: string;
  readonly address: string | null;
  readonly state: ApprovalRecord['state'];
  readonly asked_at: number;
  readonly expires_at: number;
  readonly decided_at: number | null;
  readonly decided_by: string | null;
  readonly reason: string | null;
}

function toRecord(row: ApprovalRow): ApprovalRecord {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    door: row.door,
    owner: row.owner,
    keyHash: row.key_hash,
    dnsNames: JSON.parse(row.dns_names) as string[],
    ipAddresses: JSON.parse(row.ip_addresses) as string[],
    address: row.address,
    state: row.state,
    askedAt: row.asked_at,
    expiresAt: row.expires_at,
    decidedAt: row.decided_at,
    decidedBy: row.decided_by,
    reason: row.reason,
  };
}
