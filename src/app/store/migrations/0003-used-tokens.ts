import type { Migration } from './migration.ts';

/** Tokens of workloads that are good once, until they end. Times are epoch milliseconds. */
export const usedTokens: Migration = {
  version: 3,
  summary: 'used tokens of workloads',
  sql: `
    CREATE TABLE used_tokens (
      hash    TEXT PRIMARY KEY,
      ends_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX used_tokens_by_end ON used_tokens (ends_at);
  `,
};
