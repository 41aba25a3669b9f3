import type { AcmeAuthorizationRecord, AcmeOrderRecords } from '../../../enrol/acme/acme-records.ts';
import type { Attestation } from '../../../enrol/attest/verify-attestation.ts';
import type { Identifier } from '../../../enrol/acme/identifier.ts';
import type { Connection } from './connection.ts';

type AuthorizationRecords = Pick<
  AcmeOrderRecords,
  'findAuthorization' | 'authorizationsOf' | 'provenBy' | 'unsettled' | 'choose' | 'settle' | 'giveUp'
>;

/** The authorizations of ACME orders; `insert` runs inside the transaction that adds their order. */
export function acmeAuthorizationRecords({ database, read, write }: Connection): {
  readonly insert: (record: AcmeAuthorizationRecord, position: number) => void;
  readonly records: AuthorizationRecords;
} {
  const insert = database.prepare(
    `INSERT INTO acme_authorizations (id, order_id, position, account_id, identifier, status, expires_at, token)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const byId = database.prepare('SELECT * FROM acme_authorizations WHERE id = ?');
  const ofOrder = database.prepare('SELECT * FROM acme_authorizations WHERE order_id = ? ORDER BY position');
  const proven = database.prepare(
    `SELECT DISTINCT identifier FROM acme_authorizations WHERE account_id = ? AND status = 'valid' AND expires_at > ?`,
  );
  const open = database.prepare(
    `SELECT * FROM acme_authorizations WHERE status = 'pending' AND challenge IS NOT NULL`,
  );
  const choose = database.prepare(
    `UPDATE acme_authorizations SET challenge = ?2
     WHERE id = ?1 AND status = 'pending' AND challenge IS NULL AND ?3 < expires_at
       AND (SELECT status FROM acme_orders WHERE id = order_id) = 'pending'`,
  );
  const settle = database.prepare(
    `UPDATE acme_authorizations SET status = ?2, validated_at = ?3, problem = ?4, attestation = ?5
     WHERE id = ?1 AND status = 'pending' AND challenge IS NOT NULL RETURNING order_id`,
  );
  const giveUp = database.prepare(
    `UPDATE acme_authorizations SET status = 'deactivated' WHERE id = ? AND status IN ('pending', 'valid')
     RETURNING order_id`,
  );
  const endOrder = database.prepare(
    `UPDATE acme_orders SET status = 'invalid', problem = ?2 WHERE id = ?1 AND status IN ('pending', 'ready')`,
  );
  const makeReady = database.prepare(
    `UPDATE acme_orders SET status = 'ready' WHERE id = ?1 AND status = 'pending'
     AND NOT EXISTS (SELECT 1 FROM acme_authorizations WHERE order_id = ?1 AND status <> 'valid')`,
  );
  const records: AuthorizationRecords = {
    findAuthorization: (id) => read(() => toAuthorization(byId.get(id) ?? null)),
    authorizationsOf: (orderId) => read(() => ofOrder.all(orderId).map(readRow)),
    provenBy: (accountId, now) =>
      read(() =>
        proven
          .all(accountId, now)
          .map((row) => JSON.parse((row as { identifier: string }).identifier) as Identifier),
      ),
    unsettled: () => read(() => open.all().map(readRow)),
    choose: (id, challenge, now) => write(() => choose.run(id, challenge, now).changes > 0),
    settle: (id, outcome) =>
      write(() => {
        const problem = 'problem' in outcome ? JSON.stringify(outcome.problem) : null;
        const attestation =
          'at' in outcome && outcome.attestation ? JSON.stringify(outcome.attestation) : null;
        const row =
          'at' in outcome
            ? settle.get(id, 'valid', outcome.at, null, attestation)
            : settle.get(id, 'invalid', null, problem, null);
        if (!row) return false;
        const { order_id: orderId } = row as { order_id: string };
        if ('at' in outcome) makeReady.run(orderId);
        else endOrder.run(orderId, problem);
        return true;
      }),
    giveUp: (id) =>
      write(() => {
        const row = giveUp.get(id) as { order_id: string } | undefined;
        if (!row) return false;
        endOrder.run(row.order_id, null);
        return true;
      }),
  };
  return {
    insert: (record, position) => {
      const { id, orderId, accountId, identifier, status, expiresAt, token } = record;
      insert.run(id, orderId, position, accountId, JSON.stringify(identifier), status, expiresAt, token);
    },
    records,
  };
}

interface AuthorizationRow {
  readonly id: string;
  readonly order_id: string;
  readonly account_id: string;
  readonly identifier: string;
  readonly status: AcmeAuthorizationRecord['status'];
  readonly expires_at: number;
  readonly token: string;
  readonly challenge: AcmeAuthorizationRecord['challenge'];
  readonly validated_at: number | null;
  readonly problem: string | null;
  readonly attestation: string | null;
}

function toAuthorization(row: object | null): AcmeAuthorizationRecord | null {
  return row && readRow(row);
}

function readRow(value: object): AcmeAuthorizationRecord {
  const row = value as AuthorizationRow;
  return {
    id: row.id,
    orderId: row.order_id,
    accountId: row.account_id,
    identifier: JSON.parse(row.identifier) as Identifier,
    status: row.status,
    expiresAt: row.expires_at,
    token: row.token,
    challenge: row.challenge,
    validatedAt: row.validated_at,
    attestation: row.attestation === null ? null : (JSON.parse(row.attestation) as Attestation),
    problem: row.problem === null ? null : (JSON.parse(row.problem) as AcmeAuthorizationRecord['problem']),
  };
}
