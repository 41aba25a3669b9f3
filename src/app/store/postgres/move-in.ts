import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../../kernel/clock.ts';
import { Fault } from '../../../kernel/fault.ts';
import { openDatabase } from '../sqlite/open-database.ts';
import {
  ContentMeter,
  type Row,
  rowsAtOnce,
  type StateContent,
  selectAll,
  type Table,
  tablesOf,
} from '../tables.ts';
import { migratePostgres } from './migrate.ts';
import { type PostgresPlace, placeName } from './place.ts';
import { openSession, type Session } from './session.ts';
import { statementNames } from './statement-names.ts';
import { storageFault } from './storage-fault.ts';
import { tableContent } from './table-rows.ts';
import { takeTurn } from './turn.ts';

/**
 * Copies a whole state from its SQLite file into an empty PostgreSQL, in one transaction, and compares both before it is
 * committed. A database that holds this very state already is left as it is: the copy was made before. Throws Fault
 * `authority_exists` for one that holds anything else, and what opening either throws.
 */
export async function moveIn(options: {
  readonly file: string;
  readonly place: PostgresPlace;
  readonly clock: Clock;
}): Promise<StateContent> {
  const { file, place, clock } = options;
  const name = placeName(place);
  const database = await openDatabase({ file, clock, missing: 'refuse' });
  let session: Session | null = null;
  try {
    session = await openSession(place, 'write', statementNames());
    await migratePostgres(session, 'create');
    return await copyAll(database, session, name);
  } catch (error) {
    throw storageFault(error, name);
  } finally {
    session?.end();
    database.close();
  }
}

async function copyAll(database: DatabaseSync, session: Session, name: string): Promise<StateContent> {
  const tables = tablesOf(database);
  // Nobody writes to the file meanwhile, whoever has it open.
  database.exec('BEGIN IMMEDIATE');
  await session.query(`BEGIN; ${takeTurn}`);
  try {
    const before = await contentOf(session, tables);
    const isEmpty = Object.values(before).every(({ rows }) => rows === 0);
    const copied: Record<string, StateContent[string]> = {};
    for (const table of tables) copied[table.name] = await copyTable(database, session, table, isEmpty);
    if (isEmpty) await continueNumbers(database, session);
    const after = isEmpty ? await contentOf(session, tables) : before;
    for (const { name: table } of tables) {
      if (copied[table]?.hash === after[table]?.hash) continue;
      throw isEmpty
        ? new Fault(
            'internal',
            `The copy of ${table} in ${name} is not what was copied. Nothing was changed.`,
          )
        : new Fault('authority_exists', `${name} holds another state already. Give an empty database.`);
    }
    await session.query('COMMIT');
    return after;
  } catch (error) {
    if (session.isOpen) await session.query('ROLLBACK');
    throw error;
  } finally {
    database.exec('ROLLBACK');
  }
}

async function contentOf(session: Session, tables: readonly Table[]): Promise<StateContent> {
  const contents: Record<string, StateContent[string]> = {};
  for (const table of tables) contents[table.name] = await tableContent(session, table);
  return contents;
}

async function copyTable(
  database: DatabaseSync,
  session: Session,
  table: Table,
  writes: boolean,
): Promise<StateContent[string]> {
  const meter = new ContentMeter();
  let rows: Row[] = [];
  const pass = async (): Promise<void> => {
    meter.add(table, rows);
    if (writes && rows.length > 0) await insert(session, table, rows);
    rows = [];
  };
  for (const row of database.prepare(selectAll(table)).iterate()) {
    rows.push(row as Row);
    if (rows.length === rowsAtOnce) await pass();
  }
  await pass();
  return meter.content();
}

async function insert(session: Session, { name, columns }: Table, rows: readonly Row[]): Promise<void> {
  let place = 0;
  const groups = rows.map(() => `(${columns.map(() => `$${++place}`).join(', ')})`);
  const values = rows.flatMap((row) => columns.map((column) => row[column] ?? null));
  const quoted = columns.map((column) => `"${column}"`).join(', ');
  await session.query(`INSERT INTO "${name}" (${quoted}) VALUES ${groups.join(', ')}`, values);
}

/** No number is given a second time, also of rows that were dropped. */
async function continueNumbers(database: DatabaseSync, session: Session): Promise<void> {
  for (const { name, seq } of database.prepare('SELECT name, seq FROM sqlite_sequence').all()) {
    if (name === 'changes') await session.query('UPDATE change_number SET last = $1', [seq]);
    else {
      const column = name === 'alerts' ? 'id' : 'sequence';
      await session.query(`SELECT setval(pg_get_serial_sequence($1, $2), $3)`, [name, column, seq]);
    }
  }
}
