import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Fault } from '../../../kernel/fault.ts';
import { newDatabase } from '../sqlite/open-database.ts';
import { ContentMeter, type Row, selectAll, type Table, tablesOf } from '../tables.ts';
import type { Session } from './session.ts';
import { tableRows } from './table-rows.ts';

/**
 * Writes the whole state, as of one moment, to a new SQLite file, which is a state of its own: what a backup holds. The
 * session is used by nobody else. Throws Fault `internal` when what was written is not what was read.
 */
export async function copyOut(session: Session, file: string): Promise<void> {
  const database = newDatabase(file);
  try {
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    database.exec('BEGIN IMMEDIATE');
    for (const table of tablesOf(database)) await copyTable(session, database, table);
    const [number] = await session.query<{ last: number }>('SELECT last FROM change_number');
    for (const [table, column] of numbered) setNumber(database, table, column);
    database.prepare(`UPDATE sqlite_sequence SET seq = ? WHERE name = 'changes'`).run(number?.last ?? 0);
    database.exec('COMMIT');
    await session.query('COMMIT');
  } finally {
    database.close();
  }
}

const numbered = [
  ['changes', 'sequence'],
  ['alerts', 'id'],
  ['alert_messages', 'sequence'],
] as const;

async function copyTable(session: Session, database: DatabaseSync, table: Table): Promise<void> {
  const quoted = table.columns.map((column) => `"${column}"`).join(', ');
  const insert: StatementSync = database.prepare(
    `INSERT INTO "${table.name}" (${quoted}) VALUES (${table.columns.map(() => '?').join(', ')})`,
  );
  const [read, written] = [new ContentMeter(), new ContentMeter()];
  for await (const rows of tableRows(session, table)) {
    read.add(table, rows);
    for (const row of rows) insert.run(...table.columns.map((column) => row[column] ?? null));
  }
  for (const row of database.prepare(selectAll(table)).iterate()) written.add(table, [row as Row]);
  if (read.content().hash !== written.content().hash)
    throw new Fault('internal', `The copy of ${table.name} is not what was copied.`);
}

/** A table without rows has no number yet. */
function setNumber(database: DatabaseSync, table: string, column: string): void {
  database.prepare('DELETE FROM sqlite_sequence WHERE name = ?').run(table);
  database
    .prepare(
      `INSERT INTO sqlite_sequence (name, seq) SELECT ?, coalesce(max("${column}"), 0) FROM "${table}"`,
    )
    .run(table);
}
