import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Outcome, Statement, Work } from '../work.ts';

/** Does works on a database without a pause. */
export type Perform = <Result>(work: Work<Result>) => Result;

/** Statements are prepared once: there are as many as the code has texts of them. */
export function performer(database: DatabaseSync): Perform {
  const prepared = new Map<string, StatementSync>();
  const execute = ({ sql, values, gives }: Statement): Outcome => {
    let statement = prepared.get(sql);
    if (!statement) prepared.set(sql, (statement = database.prepare(sql)));
    if (gives === 'changes') return { rows: [], changes: Number(statement.run(...values).changes) };
    if (gives === 'rows') return { rows: statement.all(...values), changes: 0 };
    const row = statement.get(...values);
    return { rows: row ? [row] : [], changes: 0 };
  };
  return (work) => {
    let step = work.next();
    while (!step.done) step = proceed(work, step.value, execute);
    return step.value;
  };
}

function proceed<Result>(
  work: Work<Result>,
  statement: Statement,
  execute: (statement: Statement) => Outcome,
): IteratorResult<Statement, Result> {
  let outcome: Outcome;
  try {
    outcome = execute(statement);
  } catch (error) {
    return work.throw(error);
  }
  return work.next(outcome);
}
