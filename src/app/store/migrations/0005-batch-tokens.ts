import type { Migration } from './migration.ts';

/** Join tokens that are good for more than one name, and the names that they gave. */
export const batchTokens: Migration = {
  version: 5,
  summary: 'batch join tokens',
  sql: `
    ALTER TABLE join_tokens ADD COLUMN batch TEXT CHECK (batch IS NULL OR json_valid(batch));
    ALTER TABLE join_tokens ADD COLUMN uses_left INTEGER NOT NULL DEFAULT 1 CHECK (uses_left >= 0);
    UPDATE join_tokens SET uses_left = 0 WHERE redeemed_at IS NOT NULL;

    CREATE TABLE batch_names (
      kind  TEXT NOT NULL,
      name  TEXT NOT NULL,
      token TEXT NOT NULL,
      PRIMARY KEY (kind, name)
    ) STRICT, WITHOUT ROWID;
  `,
};
