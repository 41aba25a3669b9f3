import type { Migration } from './migration.ts';

/** Which of the authorities of a store issues a certificate; null where there was one. */
export const instances: Migration = {
  version: 24,
  summary: 'the authority of a certificate, where there are several',
  sql: 'ALTER TABLE certificates ADD COLUMN instance TEXT;',
  postgres: 'ALTER TABLE certificates ADD COLUMN instance TEXT COLLATE "C";',
};
