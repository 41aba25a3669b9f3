import type { Migration } from './migration.ts';

/**
 * The tools of the servers, as they were seen and approved; changes of them, and alerts about what does not end like a
 * certificate. Numbers go on where they were.
 */
export const tools: Migration = {
  version: 21,
  summary: 'tools of servers',
  sql: `
    CREATE TABLE tools (
      server TEXT NOT NULL,
      name   TEXT NOT NULL,
      record TEXT NOT NULL CHECK (json_valid(record)),
      PRIMARY KEY (server, name)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE changes_of_all (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      at       INTEGER NOT NULL,
      kind     TEXT NOT NULL,
      key      TEXT NOT NULL,
      value    TEXT
    ) STRICT;
    INSERT INTO changes_of_all SELECT sequence, at, kind, key, value FROM changes ORDER BY sequence;
    DELETE FROM sqlite_sequence WHERE name = 'changes_of_all';
    INSERT INTO sqlite_sequence (name, seq) SELECT 'changes_of_all', seq FROM sqlite_sequence WHERE name = 'changes';
    DROP TABLE changes;
    ALTER TABLE changes_of_all RENAME TO changes;

    DROP INDEX alerts_unresolved;
    CREATE TABLE alerts_of_all (
      id              INTEGER PRIMARY KEY AUTOINCREMENT,
      cause           TEXT NOT NULL,
      state           TEXT NOT NULL CHECK (state IN ('open', 'ended', 'resolved')),
      kind            TEXT NOT NULL,
      name            TEXT NOT NULL,
      serial          TEXT NOT NULL,
      ends_at         INTEGER,
      detail          TEXT NOT NULL,
      code            TEXT,
      raised_at       INTEGER NOT NULL,
      changed_at      INTEGER NOT NULL,
      acknowledged_at INTEGER,
      acknowledged_by TEXT
    ) STRICT;
    INSERT INTO alerts_of_all SELECT id, cause, state, kind, name, serial, ends_at, detail, code, raised_at, changed_at,
      acknowledged_at, acknowledged_by FROM alerts ORDER BY id;
    DELETE FROM sqlite_sequence WHERE name = 'alerts_of_all';
    INSERT INTO sqlite_sequence (name, seq) SELECT 'alerts_of_all', seq FROM sqlite_sequence WHERE name = 'alerts';
    DROP TABLE alerts;
    ALTER TABLE alerts_of_all RENAME TO alerts;
    CREATE UNIQUE INDEX alerts_unresolved ON alerts (cause, serial) WHERE state <> 'resolved';
  `,
};
