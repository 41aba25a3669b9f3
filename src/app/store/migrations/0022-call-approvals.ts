import type { Migration } from './migration.ts';

/** Calls that wait for somebody to approve them. Times are epoch milliseconds. */
export const callApprovals: Migration = {
  version: 22,
  summary: 'calls that wait for approval',
  sql: `
    CREATE TABLE call_approvals (
      id             TEXT PRIMARY KEY,
      digest         TEXT NOT NULL,
      agent          TEXT NOT NULL,
      spiffe_id      TEXT NOT NULL,
      owner          TEXT NOT NULL,
      person         TEXT,
      client         TEXT,
      server         TEXT NOT NULL,
      method         TEXT NOT NULL,
      target         TEXT NOT NULL,
      params         TEXT NOT NULL CHECK (json_valid(params)),
      arguments_hash TEXT NOT NULL,
      asks           TEXT NOT NULL CHECK (json_valid(asks)),
      policy_version TEXT NOT NULL,
      address        TEXT NOT NULL,
      gateway        TEXT NOT NULL,
      state          TEXT NOT NULL CHECK (state IN ('waiting', 'granted', 'refused', 'used', 'withdrawn', 'over')),
      asked_at       INTEGER NOT NULL,
      expires_at     INTEGER NOT NULL,
      decided_at     INTEGER,
      decided_by     TEXT,
      reason         TEXT,
      used_at        INTEGER
    ) STRICT, WITHOUT ROWID;
    -- Of one call at most one request can still be used.
    CREATE UNIQUE INDEX call_approvals_open ON call_approvals (digest) WHERE state IN ('waiting', 'granted', 'refused');
    CREATE INDEX call_approvals_by_state ON call_approvals (state, expires_at);
  `,
};
