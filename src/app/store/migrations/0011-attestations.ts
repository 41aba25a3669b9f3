import type { Migration } from './migration.ts';

/** What a device attested for an authorization: format, maker, and the hash of its key. */
export const attestations: Migration = {
  version: 11,
  summary: 'attestations of devices',
  sql: `
    ALTER TABLE acme_authorizations ADD COLUMN attestation TEXT CHECK (attestation IS NULL OR json_valid(attestation));
  `,
};
