import type { JsonObject } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import { callNotDecidable, tooManyCallsWait } from '../../approvals/call-approval-faults.ts';
import {
  type CallApproval,
  type CallApprovalRecords,
  keptMilliseconds,
  mostCallsWaiting,
} from '../../approvals/call-approval-records.ts';
import type { Connection } from '../connection.ts';
import { all, count, one, run, type SqlValue, type Work } from '../work.ts';

const close = `UPDATE call_approvals SET state = 'over' WHERE digest = ? AND state = 'refused' AND expires_at <= ?`;
const end = `UPDATE call_approvals SET state = 'over' WHERE state IN ('waiting', 'granted') AND expires_at <= ? RETURNING *`;
const open = `SELECT * FROM call_approvals WHERE digest = ? AND state IN ('waiting', 'granted', 'refused')`;
const waiting = `SELECT count(*) AS count FROM call_approvals WHERE state IN ('waiting', 'granted')`;
const insert = `INSERT INTO call_approvals (id, digest, agent, spiffe_id, owner, person, client, server, method, target,
  params, arguments_hash, asks, policy_version, address, gateway, state, asked_at, expires_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)`;
const decide = `UPDATE call_approvals SET state = ?2, decided_at = ?3, decided_by = ?4, reason = ?5,
    expires_at = coalesce(?6, expires_at)
  WHERE id = ?1 AND ?3 < expires_at AND (state = 'waiting' OR (state = 'granted' AND ?2 = 'refused')) RETURNING *`;
const use = `UPDATE call_approvals SET state = 'used', used_at = ?3
  WHERE id = ?1 AND digest = ?2 AND state = 'granted' AND ?3 < expires_at RETURNING *`;
const withdraw = `UPDATE call_approvals SET state = 'withdrawn', decided_at = ?3
  WHERE id = ?1 AND digest = ?2 AND state IN ('waiting', 'granted') AND ?3 < expires_at RETURNING *`;
const every = 'SELECT * FROM call_approvals ORDER BY asked_at, id';
const live = `SELECT * FROM call_approvals WHERE state IN ('waiting', 'granted') ORDER BY asked_at, id`;

/** The calls of the store that wait for somebody to approve them. */
export function callApprovalRecords({ read, write }: Connection): CallApprovalRecords {
  return {
    ask: (record) =>
      write(function* () {
        const { digest, spiffeId, askedAt: now } = record;
        yield* run(close, digest, now);
        const known = yield* one(toRecord, open, digest);
        if (known && now < known.expiresAt) return { record: known, added: false };
        // What is past its end and was not swept yet is said to be over by `expire`, which the log hears of.
        if (known) throw new Fault('conflict', `The request ${known.id} is over; ask again.`);
        const own = yield* count(`${waiting} AND spiffe_id = ?`, spiffeId);
        if (own >= mostCallsWaiting.ofAgent || (yield* count(waiting)) >= mostCallsWaiting.all)
          throw tooManyCallsWait();
        yield* run(insert, ...columnsOf(record));
        return { record, added: true };
      }),
    find: (id) => read(() => find(id)),
    decide: (id, { state, by, reason, expiresAt }, now) =>
      write(function* () {
        const decided = yield* one(toRecord, decide, id, state, now, by, reason, expiresAt);
        if (decided) return decided;
        const found = yield* find(id);
        if (found) throw callNotDecidable(found, now);
        throw new Fault('not_found', `No call ${id} waits. See: countersign call-approval list`);
      }),
    use: (id, digest, now) => write(() => one(toRecord, use, id, digest, now)),
    withdraw: (id, digest, now) => write(() => one(toRecord, withdraw, id, digest, now)),
    expire: (now) =>
      write(function* () {
        yield* run('DELETE FROM call_approvals WHERE expires_at <= ?', now - keptMilliseconds);
        return yield* all(toRecord, end, now);
      }),
    list: (closedToo) => read(() => all(toRecord, closedToo ? every : live)),
  };
}

function find(id: string): Work<CallApproval | null> {
  return one(toRecord, 'SELECT * FROM call_approvals WHERE id = ?', id);
}

type Row = Readonly<Record<string, SqlValue>>;

function columnsOf(record: CallApproval): (string | number | null)[] {
  return [
    record.id,
    record.digest,
    record.agent,
    record.spiffeId,
    record.owner,
    record.person,
    record.client,
    record.server,
    record.method,
    record.target,
    JSON.stringify(record.params),
    record.argumentsHash,
    JSON.stringify(record.asks),
    record.policyVersion,
    record.address,
    record.gateway,
    record.askedAt,
    record.expiresAt,
  ];
}

function toRecord(row: Row): CallApproval {
  const text = (name: string): string => String(row[name]);
  const textOrNull = (name: string): string | null => (row[name] === null ? null : text(name));
  const timeOrNull = (name: string): number | null => (row[name] === null ? null : Number(row[name]));
  return {
    id: text('id'),
    digest: text('digest'),
    agent: text('agent'),
    spiffeId: text('spiffe_id'),
    owner: text('owner'),
    person: textOrNull('person'),
    client: textOrNull('client'),
    server: text('server'),
    method: text('method'),
    target: text('target'),
    params: JSON.parse(text('params')) as JsonObject,
    argumentsHash: text('arguments_hash'),
    asks: JSON.parse(text('asks')) as CallApproval['asks'],
    policyVersion: text('policy_version'),
    address: text('address'),
    gateway: text('gateway'),
    state: text('state') as CallApproval['state'],
    askedAt: Number(row['asked_at']),
    expiresAt: Number(row['expires_at']),
    decidedAt: timeOrNull('decided_at'),
    decidedBy: textOrNull('decided_by'),
    reason: textOrNull('reason'),
    usedAt: timeOrNull('used_at'),
  };
}
