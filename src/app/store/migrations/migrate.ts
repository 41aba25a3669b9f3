import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { sha256Base64url } from '../../../kernel/bytes.ts';
import { type Certificate, readCertificate } from '../../../x509/certificate.ts';
import { transact } from '../sqlite/transact.ts';
import { migrations, refuseNewer, schemaVersion } from './steps.ts';

/**
 * Brings a database to the current schema, each step whole or not at all. Throws Fault `state_newer` when a newer
 * version of the program wrote it.
 */
export function migrate(database: DatabaseSync): void {
  const found = readVersion(database);
  refuseNewer(found);
  if (found < schemaVersion) {
    database.function('spki_hash', { deterministic: true }, (der) =>
      factOf(der, ({ spki }) => sha256Base64url(spki)),
    );
    database.function('issuer_of', { deterministic: true }, (der) =>
      factOf(der, (read) => read.authorityKeyId),
    );
  }
  for (const migration of migrations) {
    if (migration.version <= found) continue;
    transact(database, () => {
      database.exec(migration.sql);
      database.exec(`PRAGMA user_version = ${migration.version}`);
    });
  }
}

/** The schema version a database is at; 0 for an empty one. */
export function readVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

/** Something that a certificate says; null for octets that are no certificate. */
function factOf(der: SQLOutputValue, fact: (certificate: Certificate) => string | null): string | null {
  if (!(der instanceof Uint8Array)) return null;
  try {
    return fact(readCertificate(der));
  } catch {
    return null;
  }
}
