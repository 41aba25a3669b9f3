import type { Migration } from './migration.ts';

/** How somebody proved who they are, and the session at a provider that says so. */
export const sessionsAtProviders: Migration = {
  version: 20,
  summary: 'how browser sessions began',
  sql: `
    ALTER TABLE browser_sessions ADD COLUMN provider TEXT;
    ALTER TABLE browser_sessions ADD COLUMN sid TEXT;
    ALTER TABLE browser_sessions ADD COLUMN acr TEXT DEFAULT 'phr';
    ALTER TABLE browser_sessions ADD COLUMN amr TEXT NOT NULL DEFAULT '["pop","user"]' CHECK (json_valid(amr));
    CREATE INDEX browser_sessions_at ON browser_sessions (provider, sid) WHERE sid IS NOT NULL;
    CREATE INDEX people_account ON people (issuer, subject) WHERE subject IS NOT NULL;
  `,
};
