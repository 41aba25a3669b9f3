import type {
  AcmeAuthorizationRecord,
  AcmeOrderRecord,
  AcmeOrderRecords,
  OrderCaps,
} from '../../../enrol/acme/acme-records.ts';
import type { Identifier } from '../../../enrol/acme/identifier.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Connection } from '../connection.ts';
import { all, count, exists, one, run, type SqlValue, type Work } from '../work.ts';
import { acmeAuthorizationRecords, insertAuthorization } from './acme-authorizations.ts';

const hour = 60 * 60 * 1000;
/** How long an order that came to nothing, or whose certificate is over, is kept to be looked up. */
const keptFor = 7 * 24 * hour;

const ofAccount = 'SELECT * FROM acme_orders WHERE account_id = ? ORDER BY created_at DESC, id LIMIT ?';
const begin = `UPDATE acme_orders SET status = 'processing', key_hash = ?2
  WHERE id = ?1 AND status = 'ready' AND ?3 < expires_at`;
const from = `WHERE id = ?1 AND status = 'processing'`;
const complete = `UPDATE acme_orders SET status = 'valid', serial = ?2 ${from}`;
const putBack = `UPDATE acme_orders SET status = 'ready', key_hash = NULL ${from}`;
const fail = `UPDATE acme_orders SET status = 'invalid', problem = ?2 ${from}`;

/** The ACME orders of the store. */
export function acmeOrderRecords(connection: Connection): AcmeOrderRecords {
  const { read, write } = connection;
  return {
    ...acmeAuthorizationRecords(connection),
    add: (order, authorizations, caps) => write(() => add(order, authorizations, caps)),
    find: (id) => read(() => one(toOrder, 'SELECT * FROM acme_orders WHERE id = ?', id)),
    findBySerial: (serial) => read(() => one(toOrder, 'SELECT * FROM acme_orders WHERE serial = ?', serial)),
    listOf: (accountId, limit) => read(() => all(toOrder, ofAccount, accountId, limit)),
    processing: () =>
      read(() => all(toOrder, `SELECT * FROM acme_orders WHERE status = 'processing' ORDER BY id`)),
    begin: (id, keyHash, now) =>
      write(function* () {
        return (yield* run(begin, id, keyHash, now)) > 0;
      }),
    complete: (id, serial) => write(() => mustChange(complete, id, serial)),
    putBack: (id) => write(() => mustChange(putBack, id)),
    fail: (id, problem) => write(() => mustChange(fail, id, JSON.stringify(problem))),
  };
}

const dropOld = `DELETE FROM acme_orders WHERE id IN (
  SELECT o.id FROM acme_orders o LEFT JOIN certificates c ON c.serial = o.serial
  WHERE o.expires_at < ?1 AND o.status <> 'processing' AND (c.not_after IS NULL OR c.not_after < ?1) LIMIT 200)`;
const countOpen = `SELECT count(*) AS count FROM acme_orders
  WHERE account_id = ?1 AND status IN ('pending', 'ready', 'processing') AND ?2 < expires_at`;
const lately = `SELECT count(*) AS count, min(created_at) AS first FROM acme_orders
  WHERE account_id = ?1 AND created_at > ?2`;
const isReplaced = `SELECT 1 FROM acme_orders WHERE replaces = ?1 AND status <> 'invalid'
  AND (status IN ('processing', 'valid') OR ?2 < expires_at)`;
const insert = `INSERT INTO acme_orders (id, account_id, status, identifiers, created_at, expires_at, not_after, replaces)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;

/** Adds an order when the account's caps leave room for it, and drops orders that are long over. */
function* add(
  order: AcmeOrderRecord,
  authorizations: readonly AcmeAuthorizationRecord[],
  caps: OrderCaps,
): Work<void> {
  const { accountId, createdAt: now, replaces } = order;
  yield* run(dropOld, now - keptFor);
  if (replaces !== null && (yield* exists(isReplaced, replaces, now))) {
    throw new Fault('certificate_replaced', 'Another order replaces this certificate already.');
  }
  if ((yield* count(countOpen, accountId, now)) >= caps.open) {
    throw new Fault(
      'limit_reached',
      `An account has at most ${caps.open} orders open. Finish one, or deactivate its authorizations.`,
      { retryAfterMilliseconds: 60_000 },
    );
  }
  const recent = yield* one((row: Recent) => row, lately, accountId, now - hour);
  if (recent && recent.count >= caps.perHour) {
    throw new Fault('rate_exceeded', `An account makes at most ${caps.perHour} orders in an hour.`, {
      retryAfterMilliseconds: (recent.first ?? 0) + hour - now,
    });
  }
  yield* run(
    insert,
    order.id,
    accountId,
    order.status,
    JSON.stringify(order.identifiers),
    now,
    order.expiresAt,
    order.notAfter,
    replaces,
  );
  for (const [position, authorization] of authorizations.entries())
    yield* insertAuthorization(authorization, position);
}

interface Recent {
  readonly count: number;
  readonly first: number | null;
}

function* mustChange(sql: string, ...values: readonly SqlValue[]): Work<void> {
  if ((yield* run(sql, ...values)) === 0) throw new Fault('conflict', 'The order was not being processed.');
}

interface OrderRow {
  readonly id: string;
  readonly account_id: string;
  readonly status: AcmeOrderRecord['status'];
  readonly identifiers: string;
  readonly created_at: number;
  readonly expires_at: number;
  readonly not_after: number | null;
  readonly replaces: string | null;
  readonly key_hash: string | null;
  readonly serial: string | null;
  readonly problem: string | null;
}

function toOrder(row: OrderRow): AcmeOrderRecord {
  return {
    id: row.id,
    accountId: row.account_id,
    status: row.status,
    identifiers: JSON.parse(row.identifiers) as Identifier[],
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    notAfter: row.not_after,
    replaces: row.replaces,
    keyHash: row.key_hash,
    serial: row.serial,
    problem: row.problem === null ? null : (JSON.parse(row.problem) as AcmeOrderRecord['problem']),
  };
}
