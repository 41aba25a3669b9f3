import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../../kernel/clock.ts';
import { syncFolder } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import { migrate } from '../migrations/migrate.ts';
import { refuseEarlierClock } from '../refuse-earlier-clock.ts';
import { damaged, storageFault } from './storage-fault.ts';

/** "CSGN": tells our file from any other SQLite database. */
const applicationId = 0x4353474e;

/** How long a statement waits for another process, in milliseconds. */
const busyTimeout = 2_000;

/**
 * Opens the state file, whole and at the current schema. A file that is not there is made first, aside, and renamed
 * into place, so that an empty file is always damage and never a fresh start. Faults `authority_missing` (only when
 * `missing` is 'refuse'), `file_mode`, `state_damaged`, `state_newer`, `state_locked`, `clock_behind`, `unavailable`.
 */
export async function openDatabase(options: {
  readonly file: string;
  readonly clock: Clock;
  readonly missing: 'create' | 'refuse';
}): Promise<DatabaseSync> {
  const { file, clock } = options;
  try {
    const found = await stat(file).catch(ignoreMissing);
    if (found && !found.isFile()) throw damaged(file);
    if (found) refuseWideMode(file, found.mode);
    else if (options.missing === 'create') await createDatabase(file);
    else
      throw new Fault(
        'authority_missing',
        `${file} does not exist. Make an authority with: countersign init`,
      );
    if (found?.size === 0) throw damaged(file);
    return openWhole(file, clock);
  } catch (error) {
    throw storageFault(error, file);
  }
}

async function createDatabase(file: string): Promise<void> {
  const aside = `${file}.new`;
  await rm(aside, { force: true });
  await rm(`${aside}-journal`, { force: true });
  const created = await open(aside, 'wx', 0o600);
  await created.close();
  newDatabase(aside).close();
  await rename(aside, file);
  await syncFolder(dirname(file));
}

/** Makes a state without anything in it of an empty file. */
export function newDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  try {
    database.exec(`PRAGMA application_id = ${applicationId}`);
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function openWhole(file: string, clock: Clock): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: busyTimeout, enableForeignKeyConstraints: true });
  try {
    if (pragma(database, 'application_id') !== applicationId) throw damaged(file);
    if (pragma(database, 'quick_check') !== 'ok') throw damaged(file);
    migrate(database);
    pragma(database, 'journal_mode = WAL');
    // FULL: a commit that was reported survives loss of power, also in WAL mode.
    database.exec('PRAGMA synchronous = FULL');
    database.enableDefensive(true);
    refuseEarlier(database, file, clock);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function refuseEarlier(database: DatabaseSync, file: string, clock: Clock): void {
  const newest = database.prepare('SELECT max(at) AS at FROM changes').get()?.['at'];
  refuseEarlierClock(typeof newest === 'number' ? newest : null, file, clock);
}

function refuseWideMode(file: string, mode: number): void {
  if (process.platform === 'win32' || (mode & 0o077) === 0) return;
  throw new Fault(
    'file_mode',
    `${file} has mode ${(mode & 0o777).toString(8).padStart(4, '0')}, so others on this machine can open it. ` +
      `Run: chmod 600 ${file}`,
  );
}

function pragma(database: DatabaseSync, text: string): unknown {
  const row = database.prepare(`PRAGMA ${text}`).get();
  return row && Object.values(row)[0];
}

function ignoreMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
