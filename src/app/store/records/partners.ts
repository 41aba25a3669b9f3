import type { PartnerRecord } from '../../../identity/partner-record.ts';
import type { Connection } from '../connection.ts';
import type { PartnerRecords } from '../partner-records.ts';
import { all, one, run, type Work } from '../work.ts';

const select = 'SELECT record FROM partners WHERE name = ?';
const put = `INSERT INTO partners (name, record) VALUES (?, ?)
  ON CONFLICT (name) DO UPDATE SET record = excluded.record`;

/** The partners of the store. */
export function partnerRecords({ read, write }: Connection): PartnerRecords {
  return {
    put: (name, change) =>
      write(function* (note) {
        const record = change(yield* one(toRecord, select, name), yield* listPartners());
        yield* run(put, name, JSON.stringify(record));
        note({ kind: 'partner', key: name, value: record });
        return record;
      }),
    find: (name) => read(() => one(toRecord, select, name)),
    list: () => read(listPartners),
    remove: (name) =>
      write(function* (note) {
        if ((yield* run('DELETE FROM partners WHERE name = ?', name)) === 0) return false;
        note({ kind: 'partner', key: name, value: null });
        return true;
      }),
  };
}

/** All partners in name order. */
export function listPartners(): Work<PartnerRecord[]> {
  return all(toRecord, 'SELECT record FROM partners ORDER BY name');
}

function toRecord({ record }: { readonly record: string }): PartnerRecord {
  return JSON.parse(record) as PartnerRecord;
}
