import type {
  ScepTransaction,
  ScepTransactions,
  WaitingMessage,
} from '../../../enrol/scep/scep-transactions.ts';
import type { Connection } from '../connection.ts';
import { one, run } from '../work.ts';

const put = `INSERT INTO scep_transactions (hash, key_hash, serial, ends_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (hash) DO UPDATE SET key_hash = excluded.key_hash, serial = excluded.serial, ends_at = excluded.ends_at`;
const forgetKept = 'DELETE FROM scep_waiting WHERE ends_at <= ? OR hash = ?';
const keep = 'INSERT INTO scep_waiting (hash, octets, ends_at) VALUES (?, ?, ?)';

/** The transactions of the SCEP door. */
export function scepTransactions({ read, write }: Connection): ScepTransactions {
  return {
    find: (hash, now) =>
      read(() =>
        one(toTransaction, 'SELECT * FROM scep_transactions WHERE hash = ? AND ends_at > ?', hash, now),
      ),
    put: ({ hash, keyHash, serial, endsAt }, now) =>
      write(function* () {
        yield* run('DELETE FROM scep_transactions WHERE ends_at <= ?', now);
        yield* run(forgetKept, now, hash);
        yield* run(put, hash, keyHash, serial, endsAt);
      }),
    keep: ({ hash, octets, endsAt }, now) =>
      write(function* () {
        yield* run(forgetKept, now, hash);
        yield* run(keep, hash, octets, endsAt);
      }),
    waiting: (hash, now) =>
      read(() => one(toWaiting, 'SELECT * FROM scep_waiting WHERE hash = ? AND ends_at > ?', hash, now)),
  };
}

interface TransactionRow {
  readonly hash: string;
  readonly key_hash: string;
  readonly serial: string;
  readonly ends_at: number;
}

function toTransaction(row: TransactionRow): ScepTransaction {
  return { hash: row.hash, keyHash: row.key_hash, serial: row.serial, endsAt: row.ends_at };
}

interface WaitingRow {
  readonly hash: string;
  readonly octets: Uint8Array;
  readonly ends_at: number;
}

function toWaiting(row: WaitingRow): WaitingMessage {
  return { hash: row.hash, octets: row.octets, endsAt: row.ends_at };
}
