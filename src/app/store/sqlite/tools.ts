import type { DatabaseSync } from 'node:sqlite';
import type { ToolPin } from '../../../gateway/pins/tool-pin.ts';
import { pinOf, toolKey, type ToolRecord, type ToolRecords } from '../tool-records.ts';
import type { Connection } from './connection.ts';

/** The tools of the store. */
export function toolRecords({ database, read, write }: Connection): ToolRecords {
  const put = database.prepare('INSERT OR REPLACE INTO tools (server, name, record) VALUES (?, ?, ?)');
  const one = database.prepare('SELECT record FROM tools WHERE server = ? AND name = ?');
  const ofServer = database.prepare('SELECT record FROM tools WHERE server = ? ORDER BY name');
  const all = database.prepare('SELECT record FROM tools ORDER BY server, name');
  const remove = database.prepare('DELETE FROM tools WHERE server = ?');
  const find = (server: string, tool: string): ToolRecord | null => {
    const row = one.get(server, tool);
    return row ? toRecord(row) : null;
  };
  return {
    change: (server, tool, change) =>
      write((note) => {
        const before = find(server, tool);
        const record = change(before);
        if (!record) return before;
        put.run(server, tool, JSON.stringify(record));
        const pin = pinOf(record);
        if (!before || JSON.stringify(pinOf(before)) !== JSON.stringify(pin))
          note({ kind: 'tool', key: toolKey(server, tool), value: pin });
        return record;
      }),
    find: (server, tool) => read(() => find(server, tool)),
    list: (server) => read(() => (server === undefined ? all.all() : ofServer.all(server)).map(toRecord)),
    forget: (server) =>
      write((note) => {
        for (const { tool } of ofServer.all(server).map(toRecord))
          note({ kind: 'tool', key: toolKey(server, tool), value: null });
        remove.run(server);
      }),
  };
}

/** What gateways have to know of all tools. */
export function listPins(database: DatabaseSync): ToolPin[] {
  return database
    .prepare('SELECT record FROM tools ORDER BY server, name')
    .all()
    .map((row) => pinOf(toRecord(row)));
}

function toRecord(row: object): ToolRecord {
  return JSON.parse((row as { readonly record: string }).record) as ToolRecord;
}
