/** What a column holds, and what a statement is given. */
export type SqlValue = string | number | null | Uint8Array;

/** One statement, in the SQL that SQLite and PostgreSQL have in common; `?` or `?1` stands for a value. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  /** What of its outcome is looked at: one row at most, all rows, or how many rows it changed. */
  readonly gives: 'row' | 'rows' | 'changes';
}

/** What became of a statement. */
export interface Outcome {
  readonly rows: readonly object[];
  readonly changes: number;
}

/**
 * What is to be done with the database, written once for every kind of it: it yields statements and is given what became of
 * each. SQLite does a work without a pause, PostgreSQL waits for its server in between.
 */
export type Work<Result> = Generator<Statement, Result, Outcome>;

/** How many rows the statement inserted, updated or deleted. */
export function* run(sql: string, ...values: readonly SqlValue[]): Work<number> {
  return (yield { sql, values, gives: 'changes' }).changes;
}

/** The first row as `read` makes it of the columns; null when there is none. */
export function* one<Value>(
  read: (row: never) => Value,
  sql: string,
  ...values: readonly SqlValue[]
): Work<Value | null> {
  const [row] = (yield { sql, values, gives: 'row' }).rows;
  return row === undefined ? null : read(row as never);
}

/** Every row as `read` makes it of the columns, in the order of the statement. */
export function* all<Value>(
  read: (row: never) => Value,
  sql: string,
  ...values: readonly SqlValue[]
): Work<Value[]> {
  const { rows } = yield { sql, values, gives: 'rows' };
  return rows.map((row) => read(row as never));
}

/** Whether the statement finds a row. */
export function* exists(sql: string, ...values: readonly SqlValue[]): Work<boolean> {
  return (yield { sql, values, gives: 'row' }).rows.length > 0;
}

/** The column `count` of the one row of the statement. */
export function* count(sql: string, ...values: readonly SqlValue[]): Work<number> {
  return (yield* one((row: { readonly count: number }) => row.count, sql, ...values)) ?? 0;
}
