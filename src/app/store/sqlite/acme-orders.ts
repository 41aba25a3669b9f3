import type {
  AcmeAuthorizationRecord,
  AcmeOrderRecord,
  AcmeOrderRecords,
  OrderCaps,
} from '../../../enrol/acme/acme-records.ts';
import type { Identifier } from '../../../enrol/acme/identifier.ts';
import { Fault } from '../../../kernel/fault.ts';
import { acmeAuthorizationRecords } from './acme-authorizations.ts';
import type { Connection } from './connection.ts';

const hour = 60 * 60 * 1000;
/** How long an order that came to nothing, or whose certificate is over, is kept to be looked up. */
const keptFor = 7 * 24 * hour;

/** The ACME orders of the store. */
export function acmeOrderRecords(connection: Connection): AcmeOrderRecords {
  const { database, read, write } = connection;
  const authorizations = acmeAuthorizationRecords(connection);
  const add = prepareAdd(connection, authorizations.insert);
  const byId = database.prepare('SELECT * FROM acme_orders WHERE id = ?');
  const bySerial = database.prepare('SELECT * FROM acme_orders WHERE serial = ?');
  const ofAccount = database.prepare(
    'SELECT * FROM acme_orders WHERE account_id = ? ORDER BY created_at DESC, id LIMIT ?',
  );
  const underWay = database.prepare(`SELECT * FROM acme_orders WHERE status = 'processing'`);
  const begin = database.prepare(
    `UPDATE acme_orders SET status = 'processing', key_hash = ?2
     WHERE id = ?1 AND status = 'ready' AND ?3 < expires_at`,
  );
  const from = `WHERE id = ?1 AND status = 'processing'`;
  const complete = database.prepare(`UPDATE acme_orders SET status = 'valid', serial = ?2 ${from}`);
  const putBack = database.prepare(`UPDATE acme_orders SET status = 'ready', key_hash = NULL ${from}`);
  const fail = database.prepare(`UPDATE acme_orders SET status = 'invalid', problem = ?2 ${from}`);
  return {
    ...authorizations.records,
    add: (order, all, caps) => write(() => add(order, all, caps)),
    find: (id) => read(() => orderOrNull(byId.get(id))),
    findBySerial: (serial) => read(() => orderOrNull(bySerial.get(serial))),
    listOf: (accountId, limit) => read(() => ofAccount.all(accountId, limit).map(toOrder)),
    processing: () => read(() => underWay.all().map(toOrder)),
    begin: (id, keyHash, now) => write(() => begin.run(id, keyHash, now).changes > 0),
    complete: (id, serial) => write(() => mustChange(complete.run(id, serial))),
    putBack: (id) => write(() => mustChange(putBack.run(id))),
    fail: (id, problem) => write(() => mustChange(fail.run(id, JSON.stringify(problem)))),
  };
}

/** Adds an order when the account's caps leave room for it, and drops orders that are long over. */
function prepareAdd(
  { database }: Connection,
  insertAuthorization: (record: AcmeAuthorizationRecord, position: number) => void,
): (order: AcmeOrderRecord, all: readonly AcmeAuthorizationRecord[], caps: OrderCaps) => void {
  const drop = database.prepare(
    `DELETE FROM acme_orders WHERE id IN (
       SELECT o.id FROM acme_orders o LEFT JOIN certificates c ON c.serial = o.serial
       WHERE o.expires_at < ?1 AND o.status <> 'processing' AND (c.not_after IS NULL OR c.not_after < ?1) LIMIT 200)`,
  );
  const open = database.prepare(
    `SELECT count(*) AS count FROM acme_orders
     WHERE account_id = ?1 AND status IN ('pending', 'ready', 'processing') AND ?2 < expires_at`,
  );
  const lately = database.prepare(
    `SELECT count(*) AS count, min(created_at) AS first FROM acme_orders WHERE account_id = ?1 AND created_at > ?2`,
  );
  const replaced = database.prepare(
    `SELECT 1 FROM acme_orders WHERE replaces = ?1 AND status <> 'invalid'
     AND (status IN ('processing', 'valid') OR ?2 < expires_at)`,
  );
  const insert = database.prepare(
    `INSERT INTO acme_orders (id, account_id, status, identifiers, created_at, expires_at, not_after, replaces)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return (order, all, caps) => {
    const { accountId, createdAt: now, replaces } = order;
    drop.run(now - keptFor);
    if (replaces !== null && replaced.get(replaces, now)) {
      throw new Fault('certificate_replaced', 'Another order replaces this certificate already.');
    }
    if (numberOf(open.get(accountId, now), 'count') >= caps.open) {
      throw new Fault(
        'limit_reached',
        `An account has at most ${caps.open} orders open. Finish one, or deactivate its authorizations.`,
        { retryAfterMilliseconds: 60_000 },
      );
    }
    const recent = lately.get(accountId, now - hour);
    if (numberOf(recent, 'count') >= caps.perHour) {
      throw new Fault('rate_exceeded', `An account makes at most ${caps.perHour} orders in an hour.`, {
        retryAfterMilliseconds: numberOf(recent, 'first') + hour - now,
      });
    }
    insert.run(
      order.id,
      accountId,
      order.status,
      JSON.stringify(order.identifiers),
      now,
      order.expiresAt,
      order.notAfter,
      replaces,
    );
    for (const [position, authorization] of all.entries()) insertAuthorization(authorization, position);
  };
}

function mustChange({ changes }: { readonly changes: number | bigint }): void {
  if (changes === 0) throw new Fault('conflict', 'The order was not being processed.');
}

function numberOf(row: object | undefined, name: string): number {
  const value = (row as Readonly<Record<string, unknown>> | undefined)?.[name];
  return typeof value === 'number' ? value : 0;
}

function orderOrNull(row: object | undefined): AcmeOrderRecord | null {
  return row ? toOrder(row) : null;
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

function toOrder(value: object): AcmeOrderRecord {
  const row = value as OrderRow;
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
