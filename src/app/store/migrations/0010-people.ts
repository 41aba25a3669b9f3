import type { Migration } from './migration.ts';

/** The people who logged in, and the roles of agents by where they come from. Times are epoch milliseconds. */
export const people: Migration = {
  version: 10,
  summary: 'people, origins of roles',
  sql: `
    CREATE TABLE people (
      person           TEXT PRIMARY KEY,
      provider         TEXT,
      issuer           TEXT,
      subject          TEXT,
      claims           TEXT CHECK (claims IS NULL OR json_valid(claims)),
      login_at         INTEGER,
      authenticated_at INTEGER,
      revoked_at       INTEGER,
      CHECK ((subject IS NULL) = (login_at IS NULL))
    ) STRICT, WITHOUT ROWID;

    -- Of agents that have derived roles, or had. The roles in force are both together and stand with the agent.
    CREATE TABLE role_origins (
      agent   TEXT PRIMARY KEY,
      by_hand TEXT NOT NULL CHECK (json_valid(by_hand)),
      derived TEXT NOT NULL CHECK (json_valid(derived))
    ) STRICT, WITHOUT ROWID;
  `,
};
