import { toDollars } from './to-dollars.ts';

/** A statement as a server knows it: prepared once in each connection, under its name. */
export interface NamedStatement {
  readonly name: string;
  readonly text: string;
}

/** Gives each text of the common SQL its name; there are as many as the code has texts. */
export function statementNames(): (sql: string) => NamedStatement {
  const names = new Map<string, NamedStatement>();
  return (sql) => {
    let named = names.get(sql);
    if (!named) names.set(sql, (named = { name: `s${names.size}`, text: toDollars(sql) }));
    return named;
  };
}
