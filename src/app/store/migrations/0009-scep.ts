import type { Migration } from './migration.ts';

/** Enrolments by SCEP that came to a certificate, until it ends. Times are epoch milliseconds. */
export const scep: Migration = {
  version: 9,
  summary: 'transactions of the SCEP door',
  sql: `
    CREATE TABLE scep_transactions (
      hash     TEXT PRIMARY KEY,
      key_hash TEXT NOT NULL,
      serial   TEXT NOT NULL,
      ends_at  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX scep_transactions_by_end ON scep_transactions (ends_at);

    -- Messages whose requests wait for an administrator, as they came.
    CREATE TABLE scep_waiting (
      hash    TEXT PRIMARY KEY,
      octets  BLOB NOT NULL,
      ends_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX scep_waiting_by_end ON scep_waiting (ends_at);
  `,
};
