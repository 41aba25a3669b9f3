import { migrations, refuseNewer, schemaVersion } from '../migrations/steps.ts';
import { certificateTables } from '../migrations/postgres-certificates.ts';
import { peopleTables } from '../migrations/postgres-people.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Session } from './session.ts';
import { takeTurn } from './turn.ts';

/** The version at which PostgreSQL joined: its tables begin there. */
const baseline = 23;

/**
 * Brings a database to the current schema, in one transaction under the lock of those who write: of many who start at once one
 * does it, and the others find it done. Throws Fault `state_newer`, or `authority_missing` for an empty database that is not
 * to be filled.
 */
export async function migratePostgres(session: Session, missing: 'create' | 'refuse'): Promise<void> {
  await session.query('BEGIN');
  try {
    await session.query(takeTurn);
    const found = await readSchemaVersion(session);
    refuseNewer(found ?? 0);
    if (found === null && missing === 'refuse') {
      throw new Fault(
        'authority_missing',
        'The database that store.yaml names holds no state of Countersign. Give the right one, or fill it: countersign migrate --from sqlite',
      );
    }
    for (const step of stepsAfter(found)) await session.query(step);
    await session.query('UPDATE schema_version SET version = $1', [schemaVersion]);
    await session.query('COMMIT');
  } catch (error) {
    if (session.isOpen) await session.query('ROLLBACK');
    throw error;
  }
}

/** The schema version of a database; null for one that holds no state of ours. */
export async function readSchemaVersion(session: Session): Promise<number | null> {
  const [known] = await session.query<{ name: string | null }>(
    `SELECT to_regclass('schema_version')::text AS name`,
  );
  if (!known || known.name === null) return null;
  const [row] = await session.query<{ version: number }>('SELECT version FROM schema_version');
  return row?.version ?? null;
}

function stepsAfter(found: number | null): readonly string[] {
  const first = [
    certificateTables,
    peopleTables,
    `CREATE TABLE schema_version (single BOOLEAN PRIMARY KEY DEFAULT true CHECK (single), version BIGINT NOT NULL);
     INSERT INTO schema_version (version) VALUES (${baseline});`,
  ];
  const later = migrations.filter(({ version }) => version > (found ?? baseline));
  return [...(found === null ? first : []), ...later.map(({ postgres = '' }) => postgres)];
}
