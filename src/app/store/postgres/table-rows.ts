import { ContentMeter, type Row, rowsAtOnce, selectAll, type Table, type TableContent } from '../tables.ts';
import type { Session } from './session.ts';

/** The rows of a table, some at a time, in the order of its key; within a transaction. */
export async function* tableRows(session: Session, table: Table): AsyncGenerator<readonly Row[]> {
  await session.query(`DECLARE whole NO SCROLL CURSOR FOR ${selectAll(table)}`);
  for (;;) {
    const rows = await session.query<Row>(`FETCH ${rowsAtOnce} FROM whole`);
    if (rows.length > 0) yield rows;
    if (rows.length < rowsAtOnce) break;
  }
  await session.query('CLOSE whole');
}

/** What a table holds; within a transaction. */
export async function tableContent(session: Session, table: Table): Promise<TableContent> {
  const meter = new ContentMeter();
  for await (const rows of tableRows(session, table)) meter.add(table, rows);
  return meter.content();
}
