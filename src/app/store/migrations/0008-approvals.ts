import type { Migration } from './migration.ts';

/** Requests that wait for an administrator. Times are epoch milliseconds. */
export const approvals: Migration = {
  version: 8,
  summary: 'requests that wait for approval',
  sql: `
    CREATE TABLE approvals (
      id           TEXT PRIMARY KEY,
      name         TEXT NOT NULL,
      kind         TEXT NOT NULL,
      door         TEXT NOT NULL,
      owner        TEXT NOT NULL,
      key_hash     TEXT NOT NULL,
      dns_names    TEXT NOT NULL CHECK (json_valid(dns_names)),
      ip_addresses TEXT NOT NULL CHECK (json_valid(ip_addresses)),
      address      TEXT,
      state        TEXT NOT NULL CHECK (state IN ('waiting', 'granted', 'refused', 'used')),
      asked_at     INTEGER NOT NULL,
      expires_at   INTEGER NOT NULL,
      decided_at   INTEGER,
      decided_by   TEXT,
      reason       TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX approvals_by_key ON approvals (key_hash, asked_at);
    CREATE INDEX approvals_by_state ON approvals (state, expires_at);
  `,
};
