import type { AcmeAuthorizationRecord, AcmeOrderRecords } from '../../../enrol/acme/acme-records.ts';
import type { Identifier } from '../../../enrol/acme/identifier.ts';
import type { Attestation } from '../../../enrol/attest/verify-attestation.ts';
import type { Connection } from '../connection.ts';
import { all, one, run, type Work } from '../work.ts';

type AuthorizationRecords = Pick<
  AcmeOrderRecords,
  'findAuthorization' | 'authorizationsOf' | 'provenBy' | 'unsettled' | 'choose' | 'settle' | 'giveUp'
>;

const insert = `INSERT INTO acme_authorizations (id, order_id, position, account_id, identifier, status, expires_at, token)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const ofOrder = 'SELECT * FROM acme_authorizations WHERE order_id = ? ORDER BY position';
const proven = `SELECT DISTINCT identifier FROM acme_authorizations
  WHERE account_id = ? AND status = 'valid' AND expires_at > ? ORDER BY identifier`;
const open = `SELECT * FROM acme_authorizations WHERE status = 'pending' AND challenge IS NOT NULL ORDER BY id`;
const choose = `UPDATE acme_authorizations SET challenge = ?2
  WHERE id = ?1 AND status = 'pending' AND challenge IS NULL AND ?3 < expires_at
    AND (SELECT status FROM acme_orders WHERE id = order_id) = 'pending'`;
const settle = `UPDATE acme_authorizations SET status = ?2, validated_at = ?3, problem = ?4, attestation = ?5
  WHERE id = ?1 AND status = 'pending' AND challenge IS NOT NULL RETURNING order_id`;
const giveUp = `UPDATE acme_authorizations SET status = 'deactivated' WHERE id = ? AND status IN ('pending', 'valid')
  RETURNING order_id`;
const endOrder = `UPDATE acme_orders SET status = 'invalid', problem = ?2
  WHERE id = ?1 AND status IN ('pending', 'ready')`;
const makeReady = `UPDATE acme_orders SET status = 'ready' WHERE id = ?1 AND status = 'pending'
  AND NOT EXISTS (SELECT 1 FROM acme_authorizations WHERE order_id = ?1 AND status <> 'valid')`;

/** The authorizations of ACME orders. */
export function acmeAuthorizationRecords({ read, write }: Connection): AuthorizationRecords {
  return {
    findAuthorization: (id) =>
      read(() => one(toAuthorization, 'SELECT * FROM acme_authorizations WHERE id = ?', id)),
    authorizationsOf: (orderId) => read(() => all(toAuthorization, ofOrder, orderId)),
    provenBy: (accountId, now) =>
      read(() =>
        all(
          (row: { readonly identifier: string }) => JSON.parse(row.identifier) as Identifier,
          proven,
          accountId,
          now,
        ),
      ),
    unsettled: () => read(() => all(toAuthorization, open)),
    choose: (id, challenge, now) =>
      write(function* () {
        return (yield* run(choose, id, challenge, now)) > 0;
      }),
    settle: (id, outcome) =>
      write(function* () {
        const problem = 'problem' in outcome ? JSON.stringify(outcome.problem) : null;
        const attestation =
          'at' in outcome && outcome.attestation ? JSON.stringify(outcome.attestation) : null;
        const orderId =
          'at' in outcome
            ? yield* one(toOrderId, settle, id, 'valid', outcome.at, null, attestation)
            : yield* one(toOrderId, settle, id, 'invalid', null, problem, null);
        if (orderId === null) return false;
        if ('at' in outcome) yield* run(makeReady, orderId);
        else yield* run(endOrder, orderId, problem);
        return true;
      }),
    giveUp: (id) =>
      write(function* () {
        const orderId = yield* one(toOrderId, giveUp, id);
        if (orderId === null) return false;
        yield* run(endOrder, orderId, null);
        return true;
      }),
  };
}

/** Adds an authorization in the transaction that adds its order. */
export function* insertAuthorization(record: AcmeAuthorizationRecord, position: number): Work<void> {
  const { id, orderId, accountId, identifier, status, expiresAt, token } = record;
  yield* run(insert, id, orderId, position, accountId, JSON.stringify(identifier), status, expiresAt, token);
}

function toOrderId(row: { readonly order_id: string }): string {
  return row.order_id;
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

function toAuthorization(row: AuthorizationRow): AcmeAuthorizationRecord {
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
