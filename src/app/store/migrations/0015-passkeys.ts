import type { Migration } from './migration.ts';

/** People who are known here, their passkeys, invitations and the sessions of their browsers. Times are epoch milliseconds. */
export const passkeys: Migration = {
  version: 15,
  summary: 'passkeys, invitations, browser sessions',
  sql: `
    ALTER TABLE people ADD COLUMN display_name TEXT;
    ALTER TABLE people ADD COLUMN groups TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(groups));
    ALTER TABLE people ADD COLUMN state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled'));
    ALTER TABLE people ADD COLUMN added_at INTEGER;

    CREATE TABLE passkeys (
      id            TEXT PRIMARY KEY,
      person        TEXT NOT NULL REFERENCES people (person),
      host          TEXT NOT NULL,
      public_key    BLOB NOT NULL,
      counter       INTEGER NOT NULL,
      transports    TEXT NOT NULL CHECK (json_valid(transports)),
      may_be_copied INTEGER NOT NULL CHECK (may_be_copied IN (0, 1)),
      is_copied     INTEGER NOT NULL CHECK (is_copied IN (0, 1)),
      created_at    INTEGER NOT NULL,
      last_used_at  INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX passkeys_of ON passkeys (person);

    -- The hash of a secret, never the secret. One of a person, and one for the first person, at a time.
    CREATE TABLE invitations (
      hash       TEXT PRIMARY KEY,
      person     TEXT,
      created_by TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX invitation_of ON invitations (coalesce(person, ''));

    CREATE TABLE browser_sessions (
      hash             TEXT PRIMARY KEY,
      person           TEXT NOT NULL,
      authenticated_at INTEGER NOT NULL,
      expires_at       INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX browser_sessions_of ON browser_sessions (person);
  `,
};
