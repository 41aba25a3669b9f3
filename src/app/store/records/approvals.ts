import { notDecidable, tooManyWait } from '../../../enrol/approval/approval-faults.ts';
import {
  type ApprovalRecord,
  type ApprovalRecords,
  keptMilliseconds,
  mostWaiting,
} from '../../../enrol/approval/approval-records.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Connection } from '../connection.ts';
import { all, count, one, run, type Work } from '../work.ts';

const alike = 'name = ?1 AND kind = ?2 AND door = ?3 AND owner = ?4';
const same = `SELECT * FROM approvals WHERE key_hash = ?5 AND ${alike} AND state <> 'used' AND ?6 < expires_at
  ORDER BY asked_at DESC LIMIT 1`;
const waiting = `SELECT count(*) AS count FROM approvals WHERE state = 'waiting'`;
const insert = `INSERT INTO approvals (id, name, kind, door, owner, key_hash, dns_names, ip_addresses, address, state,
  asked_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const decide = `UPDATE approvals SET state = ?2, decided_at = ?3, decided_by = ?4, reason = ?5
  WHERE id = ?1 AND ?3 < expires_at AND (state = 'waiting' OR (state = 'granted' AND ?2 = 'refused')) RETURNING *`;
const use = `UPDATE approvals SET state = 'used' WHERE id = ?1 AND state = 'granted' AND ?2 < expires_at`;

/** The requests of the store that wait for an administrator. */
export function approvalRecords({ read, write }: Connection): ApprovalRecords {
  return {
    ask: (record) =>
      write(function* () {
        const { name, kind, door, owner, keyHash, askedAt: now } = record;
        yield* run('DELETE FROM approvals WHERE expires_at <= ?', now - keptMilliseconds);
        const known = yield* one(toRecord, same, name, kind, door, owner, keyHash, now);
        if (known) return { record: known, added: false };
        const inAll = yield* count(`${waiting} AND ? < expires_at`, now);
        const like = yield* count(
          `${waiting} AND ${alike} AND ?5 < expires_at`,
          name,
          kind,
          door,
          owner,
          now,
        );
        if (inAll >= mostWaiting.all || like >= mostWaiting.alike) throw tooManyWait();
        yield* insertRecord(record);
        return { record, added: true };
      }),
    find: (id) => read(() => find(id)),
    decide: (id, { state, by, reason }, now) =>
      write(function* () {
        const decided = yield* one(toRecord, decide, id, state, now, by, reason);
        if (decided) return decided;
        const found = yield* find(id);
        if (!found) throw new Fault('not_found', `No request ${id} waits. See: countersign approval list`);
        throw notDecidable(found, now);
      }),
    use: (id, now) =>
      write(function* () {
        return (yield* run(use, id, now)) === 1;
      }),
    list: () => read(() => all(toRecord, 'SELECT * FROM approvals ORDER BY asked_at, id')),
  };
}

function find(id: string): Work<ApprovalRecord | null> {
  return one(toRecord, 'SELECT * FROM approvals WHERE id = ?', id);
}

function* insertRecord(record: ApprovalRecord): Work<void> {
  yield* run(
    insert,
    record.id,
    record.name,
    record.kind,
    record.door,
    record.owner,
    record.keyHash,
    JSON.stringify(record.dnsNames),
    JSON.stringify(record.ipAddresses),
    record.address,
    record.state,
    record.askedAt,
    record.expiresAt,
  );
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
