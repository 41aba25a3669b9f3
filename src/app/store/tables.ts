import { createHash, type Hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { toHex } from '../../kernel/bytes.ts';
import type { SqlValue } from './work.ts';

/** A table of the state, the same in every kind of database. */
export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** The columns of its primary key, by which its rows are put in order. */
  readonly key: readonly string[];
}

/** What a table holds: how many rows, and a hash of all their values. */
export type TableContent = { readonly rows: number; readonly hash: string };

/** What each table holds, by name. */
export type StateContent = Readonly<Record<string, TableContent>>;

export type Row = Readonly<Record<string, SqlValue>>;

/** How many rows are taken at once. */
export const rowsAtOnce = 500;

/** The tables of a state in an order in which each comes after those that it names. */
export function tablesOf(database: DatabaseSync): readonly Table[] {
  const tables = database
    .prepare(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid`,
    )
    .all();
  return tables.map(({ name }) => {
    const columns = database
      .prepare('SELECT name, pk FROM pragma_table_info(?) ORDER BY cid')
      .all(String(name)) as unknown as readonly { name: string; pk: number }[];
    const key = columns.filter(({ pk }) => pk > 0).sort((one, other) => one.pk - other.pk);
    return { name: String(name), columns: names(columns), key: names(key) };
  });
}

function names(columns: readonly { readonly name: string }[]): readonly string[] {
  return columns.map(({ name }) => name);
}

/** Reads a whole table in the order of its key. Names of columns are in quotes: some are words of SQL. */
export function selectAll({ name, columns, key }: Table): string {
  const quoted = (list: readonly string[]): string => list.map((column) => `"${column}"`).join(', ');
  return `SELECT ${quoted(columns)} FROM "${name}" ORDER BY ${quoted(key)}`;
}

/** Counts and hashes rows as they pass. */
export class ContentMeter {
  readonly #hash: Hash = createHash('sha256');
  #rows = 0;

  add({ columns }: Table, rows: readonly Row[]): void {
    for (const row of rows) {
      const values = columns.map((column) => {
        const value = row[column] ?? null;
        return value instanceof Uint8Array ? { octets: toHex(value) } : value;
      });
      this.#hash.update(`${JSON.stringify(values)}\n`);
    }
    this.#rows += rows.length;
  }

  content(): TableContent {
    return { rows: this.#rows, hash: this.#hash.digest('base64url') };
  }
}
