import { createNameTable, type NameTable } from './name-table.ts';

/** The name tables of the agents that came lately. */
export interface NameTables {
  of(party: string): NameTable;
  keep(servers: ReadonlySet<string>): void;
}

/** Agents whose names are remembered; for another the lists are read again. */
const mostAgents = 1_000;

export function createNameTables(): NameTables {
  const tables = new Map<string, NameTable>();
  return {
    of(party) {
      const table = tables.get(party) ?? createNameTable();
      tables.delete(party);
      tables.set(party, table);
      const [oldest] = tables.keys();
      if (tables.size > mostAgents && oldest !== undefined) tables.delete(oldest);
      return table;
    },
    keep(servers) {
      for (const table of tables.values()) table.keep(servers);
    },
  };
}
