import type { ToolPin } from '../../../gateway/pins/tool-pin.ts';
import type { Connection } from '../connection.ts';
import { pinOf, toolKey, type ToolRecord, type ToolRecords } from '../tool-records.ts';
import { all, one, run, type Work } from '../work.ts';

const select = 'SELECT record FROM tools WHERE server = ? AND name = ?';
const selectAll = 'SELECT record FROM tools ORDER BY server, name';
const ofServer = 'SELECT record FROM tools WHERE server = ? ORDER BY name';
const put = `INSERT INTO tools (server, name, record) VALUES (?, ?, ?)
  ON CONFLICT (server, name) DO UPDATE SET record = excluded.record`;

/** The tools of the store. */
export function toolRecords({ read, write }: Connection): ToolRecords {
  return {
    change: (server, tool, change) =>
      write(function* (note) {
        const before = yield* one(toRecord, select, server, tool);
        const record = change(before);
        if (!record) return before;
        yield* run(put, server, tool, JSON.stringify(record));
        const pin = pinOf(record);
        if (!before || JSON.stringify(pinOf(before)) !== JSON.stringify(pin))
          note({ kind: 'tool', key: toolKey(server, tool), value: pin });
        return record;
      }),
    find: (server, tool) => read(() => one(toRecord, select, server, tool)),
    list: (server) =>
      read(() => (server === undefined ? all(toRecord, selectAll) : all(toRecord, ofServer, server))),
    forget: (server) =>
      write(function* (note) {
        for (const { tool } of yield* all(toRecord, ofServer, server))
          note({ kind: 'tool', key: toolKey(server, tool), value: null });
        yield* run('DELETE FROM tools WHERE server = ?', server);
      }),
  };
}

/** What gateways have to know of all tools. */
export function listPins(): Work<ToolPin[]> {
  return all((row: ToolRow) => pinOf(toRecord(row)), selectAll);
}

interface ToolRow {
  readonly record: string;
}

function toRecord({ record }: ToolRow): ToolRecord {
  return JSON.parse(record) as ToolRecord;
}
