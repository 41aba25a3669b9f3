import type { Migration } from './migration.ts';

/**
 * Why certificates are revoked, whose keys they are for, and keys that get no certificate any more. `spki_hash` is a
 * function of ours: the hash of the key in a certificate's DER.
 */
export const ends: Migration = {
  version: 4,
  summary: 'reasons of revocations, hashes of keys, blocked keys',
  sql: `
    ALTER TABLE certificates ADD COLUMN revocation TEXT;
    ALTER TABLE certificates ADD COLUMN key_hash TEXT;
    UPDATE certificates SET key_hash = spki_hash(der) WHERE der IS NOT NULL;
    CREATE INDEX certificates_by_key ON certificates (key_hash);

    CREATE TABLE blocked_keys (
      key_hash TEXT PRIMARY KEY,
      reason   TEXT NOT NULL,
      at       INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
