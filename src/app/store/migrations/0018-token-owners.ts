import type { Migration } from './migration.ts';

/** What was granted is found by who granted it and who holds it. */
export const tokenOwners: Migration = {
  version: 18,
  summary: 'grants by person and by agent',
  sql: `
    CREATE INDEX oauth_entries_person ON oauth_entries (person) WHERE person IS NOT NULL;
    CREATE INDEX issued_tokens_person ON issued_tokens (person) WHERE person IS NOT NULL;
    CREATE INDEX issued_tokens_agent ON issued_tokens (agent) WHERE agent IS NOT NULL;
    CREATE INDEX oauth_entries_agent ON oauth_entries (agent) WHERE agent IS NOT NULL;
  `,
};
