import type { Migration } from './migration.ts';

/** Alerts, and the messages about them that their receiver has not taken. */
export const alerts: Migration = {
  version: 13,
  summary: 'alerts and their messages',
  sql: `
    -- AUTOINCREMENT: a number is never given twice, even after old rows are dropped.
    CREATE TABLE alerts (
      id              INTEGER PRIMARY KEY AUTOINCREMENT,
      cause           TEXT NOT NULL,
      state           TEXT NOT NULL CHECK (state IN ('open', 'ended', 'resolved')),
      kind            TEXT NOT NULL,
      name            TEXT NOT NULL,
      serial          TEXT NOT NULL,
      ends_at         INTEGER NOT NULL,
      detail          TEXT NOT NULL,
      code            TEXT,
      raised_at       INTEGER NOT NULL,
      changed_at      INTEGER NOT NULL,
      acknowledged_at INTEGER,
      acknowledged_by TEXT
    ) STRICT;
    CREATE UNIQUE INDEX alerts_unresolved ON alerts (cause, serial) WHERE state <> 'resolved';

    CREATE TABLE alert_messages (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      id       TEXT NOT NULL,
      body     TEXT NOT NULL CHECK (json_valid(body))
    ) STRICT;
  `,
};
