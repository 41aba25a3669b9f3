import type { Migration } from './migration.ts';

/** Who issued certificates. `issuer_of` is a function of ours: the authority key identifier in a certificate's DER. */
export const issuers: Migration = {
  version: 7,
  summary: 'the issuers of certificates',
  sql: `
    ALTER TABLE certificates ADD COLUMN issuer TEXT;
    UPDATE certificates SET issuer = issuer_of(der) WHERE der IS NOT NULL;
    CREATE INDEX certificates_by_issuer ON certificates (issuer, not_after);
    CREATE INDEX certificates_by_replaced ON certificates (replaces) WHERE replaces IS NOT NULL;
  `,
};
