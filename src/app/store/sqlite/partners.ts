import type { DatabaseSync } from 'node:sqlite';
import type { PartnerRecord } from '../../../identity/partner-record.ts';
import type { PartnerRecords } from '../partner-records.ts';
import type { Connection } from './connection.ts';

/** The partners of the store. */
export function partnerRecords(connection: Connection): PartnerRecords {
  const { database, read, write } = connection;
  const put = database.prepare('INSERT OR REPLACE INTO partners (name, record) VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM partners WHERE name = ?');
  const select = database.prepare('SELECT record FROM partners WHERE name = ?');
  const find = (name: string): PartnerRecord | null => {
    const row = select.get(name);
    return row ? toRecord(row) : null;
  };
  return {
    put: (name, change) =>
      write((note) => {
        const record = change(find(name), listPartners(database));
        put.run(name, JSON.stringify(record));
        note({ kind: 'partner', key: name, value: record });
        return record;
      }),
    find: (name) => read(() => find(name)),
    list: () => read(() => listPartners(database)),
    remove: (name) =>
      write((note) => {
        if (remove.run(name).changes === 0) return false;
        note({ kind: 'partner', key: name, value: null });
        return true;
      }),
  };
}

/** All partners in name order. */
export function listPartners(database: DatabaseSync): PartnerRecord[] {
  return database.prepare('SELECT record FROM partners ORDER BY name').all().map(toRecord);
}

function toRecord(row: object): PartnerRecord {
  return JSON.parse((row as { readonly record: string }).record) as PartnerRecord;
}
