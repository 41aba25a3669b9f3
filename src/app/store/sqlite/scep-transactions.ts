import type {
  ScepTransaction,
  ScepTransactions,
  WaitingMessage,
} from '../../../enrol/scep/scep-transactions.ts';
import type { Connection } from './connection.ts';

/** The transactions of the SCEP door. */
export function scepTransactions({ database, read, write }: Connection): ScepTransactions {
  const find = database.prepare('SELECT * FROM scep_transactions WHERE hash = ? AND ends_at > ?');
  const forget = database.prepare('DELETE FROM scep_transactions WHERE ends_at <= ?');
  const put = database.prepare(
    `INSERT INTO scep_transactions (hash, key_hash, serial, ends_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (hash) DO UPDATE SET key_hash = excluded.key_hash, serial = excluded.serial, ends_at = excluded.ends_at`,
  );
  const forgetKept = database.prepare('DELETE FROM scep_waiting WHERE ends_at <= ? OR hash = ?');
  const keep = database.prepare('INSERT INTO scep_waiting (hash, octets, ends_at) VALUES (?, ?, ?)');
  const waiting = database.prepare('SELECT * FROM scep_waiting WHERE hash = ? AND ends_at > ?');
  return {
    find: (hash, now) =>
      read(() => {
        const row = find.get(hash, now);
        return row ? toTransaction(row as unknown as TransactionRow) : null;
      }),
    put: ({ hash, keyHash, serial, endsAt }, now) =>
      write(() => {
        forget.run(now);
        forgetKept.run(now, hash);
        put.run(hash, keyHash, serial, endsAt);
      }),
    keep: ({ hash, octets, endsAt }, now) =>
      write(() => {
        forgetKept.run(now, hash);
        keep.run(hash, octets, endsAt);
      }),
    waiting: (hash, now) =>
      read(() => {
        const row = waiting.get(hash, now);
        return row ? toWaiting(row as unknown as WaitingRow) : null;
      }),
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
