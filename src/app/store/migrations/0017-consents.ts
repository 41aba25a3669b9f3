import type { Migration } from './migration.ts';

/** What people said yes to. Times are epoch milliseconds. */
export const consents: Migration = {
  version: 17,
  summary: 'consents',
  sql: `
    CREATE TABLE consents (
      person      TEXT NOT NULL,
      key         TEXT NOT NULL,
      client      TEXT NOT NULL,
      client_name TEXT,
      redirect    TEXT NOT NULL,
      scopes      TEXT NOT NULL CHECK (json_valid(scopes)),
      resources   TEXT NOT NULL CHECK (json_valid(resources)),
      given_at    INTEGER NOT NULL,
      expires_at  INTEGER NOT NULL,
      PRIMARY KEY (person, key)
    ) STRICT, WITHOUT ROWID;
  `,
};
