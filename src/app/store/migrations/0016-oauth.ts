import type { Migration } from './migration.ts';

/** What the authorization server remembers, its keys, the tokens that went out, and which of them were ended. */
export const oauth: Migration = {
  version: 16,
  summary: 'OAuth: codes, refresh tokens and grants, signing keys, issued and ended tokens',
  sql: `
    CREATE TABLE oauth_entries (
      model       TEXT NOT NULL,
      id          TEXT NOT NULL,
      sealed      TEXT NOT NULL,
      grant_id    TEXT,
      uid         TEXT,
      user_code   TEXT,
      person      TEXT,
      client      TEXT,
      agent       TEXT,
      replaces    TEXT,
      created_at  INTEGER NOT NULL,
      expires_at  INTEGER,
      consumed_at INTEGER,
      retried_at  INTEGER,
      PRIMARY KEY (model, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX oauth_entries_grant ON oauth_entries (grant_id) WHERE grant_id IS NOT NULL;
    CREATE INDEX oauth_entries_uid ON oauth_entries (model, uid) WHERE uid IS NOT NULL;
    CREATE INDEX oauth_entries_user_code ON oauth_entries (model, user_code) WHERE user_code IS NOT NULL;
    CREATE INDEX oauth_entries_end ON oauth_entries (expires_at) WHERE expires_at IS NOT NULL;
    CREATE INDEX oauth_entries_replaces ON oauth_entries (replaces) WHERE replaces IS NOT NULL;

    CREATE TABLE oauth_keys (
      kid        TEXT PRIMARY KEY,
      public_jwk TEXT NOT NULL CHECK (json_valid(public_jwk)),
      sealed     TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      retired_at INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX oauth_keys_signing ON oauth_keys (retired_at IS NULL) WHERE retired_at IS NULL;

    CREATE TABLE issued_tokens (
      id         TEXT PRIMARY KEY,
      grant_id   TEXT NOT NULL,
      client     TEXT NOT NULL,
      agent      TEXT,
      person     TEXT,
      resource   TEXT NOT NULL,
      scopes     TEXT NOT NULL CHECK (json_valid(scopes)),
      binding    TEXT NOT NULL CHECK (binding IN ('mtls', 'dpop', 'bearer')),
      grant_type TEXT NOT NULL,
      issued_at  INTEGER NOT NULL,
      expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX issued_tokens_end ON issued_tokens (expires_at);

    CREATE TABLE token_ends (
      kind         TEXT NOT NULL CHECK (kind IN ('token', 'grant', 'person', 'agent')),
      key          TEXT NOT NULL,
      issued_until INTEGER NOT NULL,
      until        INTEGER NOT NULL,
      PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE changes_of_all (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      at       INTEGER NOT NULL,
      kind     TEXT NOT NULL CHECK (kind IN ('certificate', 'agent', 'server', 'partner', 'token-end')),
      key      TEXT NOT NULL,
      value    TEXT
    ) STRICT;
    INSERT INTO changes_of_all SELECT sequence, at, kind, key, value FROM changes ORDER BY sequence;
    DELETE FROM sqlite_sequence WHERE name = 'changes_of_all';
    INSERT INTO sqlite_sequence (name, seq) SELECT 'changes_of_all', seq FROM sqlite_sequence WHERE name = 'changes';
    DROP TABLE changes;
    ALTER TABLE changes_of_all RENAME TO changes;
  `,
};
