import type { Migration } from './migration.ts';

/** Certificates, join tokens, agents, servers, and the order in which they changed. Times are epoch milliseconds. */
export const first: Migration = {
  version: 1,
  summary: 'certificates, join tokens, agents, servers, changes, meta',
  sql: `
    CREATE TABLE certificates (
      serial      TEXT PRIMARY KEY,
      name        TEXT NOT NULL,
      kind        TEXT NOT NULL,
      spiffe_id   TEXT NOT NULL,
      state       TEXT NOT NULL CHECK (state IN ('reserved', 'issued', 'revoked', 'abandoned')),
      not_before  INTEGER NOT NULL,
      not_after   INTEGER NOT NULL,
      reserved_at INTEGER NOT NULL,
      tbs_hash    TEXT NOT NULL,
      der         BLOB,
      replaces    TEXT,
      door        TEXT NOT NULL,
      revoked_at  INTEGER,
      reason      TEXT,
      CHECK (state <> 'issued' OR der IS NOT NULL),
      CHECK ((state = 'revoked') = (revoked_at IS NOT NULL))
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX certificates_by_name ON certificates (name, reserved_at);
    CREATE INDEX certificates_by_reservation ON certificates (reserved_at);
    CREATE INDEX certificates_by_end ON certificates (state, not_after);

    CREATE TABLE join_tokens (
      id           TEXT PRIMARY KEY,
      secret_hash  TEXT NOT NULL,
      name         TEXT NOT NULL,
      kind         TEXT NOT NULL,
      created_at   INTEGER NOT NULL,
      expires_at   INTEGER NOT NULL,
      redeemed_at  INTEGER,
      created_by   TEXT NOT NULL,
      dns_names    TEXT NOT NULL CHECK (json_valid(dns_names)),
      ip_addresses TEXT NOT NULL CHECK (json_valid(ip_addresses))
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE agents (
      name         TEXT PRIMARY KEY,
      owner        TEXT NOT NULL,
      purpose      TEXT NOT NULL,
      roles        TEXT NOT NULL CHECK (json_valid(roles)),
      build_digest TEXT,
      state        TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'retired')),
      created_at   INTEGER NOT NULL,
      last_seen    INTEGER
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE servers (
      name       TEXT PRIMARY KEY,
      definition TEXT NOT NULL CHECK (json_valid(definition)),
      created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- AUTOINCREMENT: a number is never given twice, even after old rows are dropped.
    CREATE TABLE changes (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      at       INTEGER NOT NULL,
      kind     TEXT NOT NULL CHECK (kind IN ('certificate', 'agent', 'server')),
      key      TEXT NOT NULL,
      value    TEXT
    ) STRICT;

    CREATE TABLE meta (
      name  TEXT PRIMARY KEY,
      value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
