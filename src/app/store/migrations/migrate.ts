import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { sha256Base64url } from '../../../kernel/bytes.ts';
import { Fault } from '../../../kernel/fault.ts';
import { type Certificate, readCertificate } from '../../../x509/certificate.ts';
import { transact } from '../sqlite/transact.ts';
import { first } from './0001-first.ts';
import { acme } from './0002-acme.ts';
import { usedTokens } from './0003-used-tokens.ts';
import { ends } from './0004-ends.ts';
import { batchTokens } from './0005-batch-tokens.ts';
import { devices } from './0006-devices.ts';
import { issuers } from './0007-issuers.ts';
import { approvals } from './0008-approvals.ts';
import { scep } from './0009-scep.ts';
import { people } from './0010-people.ts';
import { attestations } from './0011-attestations.ts';
import { partners } from './0012-partners.ts';
import { alerts } from './0013-alerts.ts';
import { hardware } from './0014-hardware.ts';
import { passkeys } from './0015-passkeys.ts';
import { oauth } from './0016-oauth.ts';
import { consents } from './0017-consents.ts';
import { tokenOwners } from './0018-token-owners.ts';
import { subAgents } from './0019-sub-agents.ts';
import { sessionsAtProviders } from './0020-sessions-at-providers.ts';
import { tools } from './0021-tools.ts';
import { callApprovals } from './0022-call-approvals.ts';
import { flowOrders } from './0023-flow-orders.ts';
import { instances } from './0024-instances.ts';
import type { Migration } from './migration.ts';

const migrations: readonly Migration[] = [
  first,
  acme,
  usedTokens,
  ends,
  batchTokens,
  devices,
  issuers,
  approvals,
  scep,
  people,
  attestations,
  partners,
  alerts,
  hardware,
  passkeys,
  oauth,
  consents,
  tokenOwners,
  subAgents,
  sessionsAtProviders,
  tools,
  callApprovals,
  flowOrders,
  instances,
];

/** The schema version this program writes. */
export const schemaVersion = migrations.length;

/**
 * Brings a database to the current schema, each step whole or not at all. Throws Fault `state_newer` when a newer
 * version of the program wrote it.
 */
export function migrate(database: DatabaseSync): void {
  const found = readVersion(database);
  if (found > schemaVersion) {
    throw new Fault(
      'state_newer',
      `The state has schema ${found}, and this version of Countersign knows schemas up to ${schemaVersion}. ` +
        'Nothing was changed. Start the version that wrote it, or a newer one.',
    );
  }
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
