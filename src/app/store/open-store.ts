import { open } from 'node:fs/promises';
import { backup } from 'node:sqlite';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { dropOldChanges } from './records/changes.ts';
import { recordsOf } from './records-of.ts';
import type { PostgresPlace } from './postgres/place.ts';
import { connect } from './sqlite/connection.ts';
import { openDatabase } from './sqlite/open-database.ts';
import type { Store } from './store.ts';

/**
 * Opens the embedded store, making it when there is none (unless `missing` is 'refuse'). Faults `authority_missing`,
 * `file_mode`, `state_damaged`, `state_newer`, `state_locked`, `clock_behind`, `unavailable`.
 */
export async function openStore(options: {
  readonly file: string;
  readonly clock: Clock;
  readonly missing?: 'create' | 'refuse';
}): Promise<Store> {
  const { file, clock } = options;
  const database = await openDatabase({ file, clock, missing: options.missing ?? 'create' });
  const connection = connect({ database, file, clock });
  await dropOldChanges(connection);
  return {
    ...recordsOf(connection, clock),
    isShared: false,
    async copyTo(target) {
      await makeEmpty(target);
      await backup(database, target);
    },
    async [Symbol.asyncDispose]() {
      if (!database.isOpen) return;
      connection.flush();
      database.close();
    },
  };
}

/**
 * Opens a PostgreSQL as the store, which many authorities share. Faults `authority_missing`, `authority_exists`, `state_newer`,
 * `state_locked`, `clock_behind`, `unavailable`.
 */
export async function openPostgresStore(options: {
  readonly place: PostgresPlace;
  readonly clock: Clock;
  readonly missing: 'create' | 'refuse';
  /** Told when the database is lost and found. */
  readonly log: (line: string) => void;
}): Promise<Store> {
  // Whoever keeps the state in a file does not wait for what they do not use.
  const { openPostgres } = await import('./postgres/open-postgres.ts');
  const connection = await openPostgres(options);
  try {
    await dropOldChanges(connection);
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
  return {
    ...recordsOf(connection, options.clock),
    isShared: true,
    async copyTo(target) {
      await makeEmpty(target);
      await connection.copyOut(target);
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

/** SQLite keeps the mode of a file it finds, so the copy is private before its first octet. */
async function makeEmpty(target: string): Promise<void> {
  try {
    const file = await open(target, 'wx', 0o600);
    await file.close();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new Fault('conflict', `${target} exists already. Choose another file.`, { cause: error });
    }
    throw error;
  }
}
