import type { Migration } from './migration.ts';

/** Partners, and changes of them in the order of changes, whose numbers go on where they were. */
export const partners: Migration = {
  version: 12,
  summary: 'partners',
  sql: `
    CREATE TABLE partners (
      name   TEXT PRIMARY KEY,
      record TEXT NOT NULL CHECK (json_valid(record))
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE changes_of_all (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      at       INTEGER NOT NULL,
      kind     TEXT NOT NULL CHECK (kind IN ('certificate', 'agent', 'server', 'partner')),
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
