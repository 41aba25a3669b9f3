import { Fault } from '../../kernel/fault.ts';
import { notDecidable, tooManyWait } from './approval-faults.ts';
import {
  type ApprovalRecord,
  type ApprovalRecords,
  isAlike,
  isSameRequest,
  mostWaiting,
} from './approval-records.ts';

/** Requests that wait as long as the process lives. */
export function memoryApprovals(): ApprovalRecords {
  const rows = new Map<string, ApprovalRecord>();
  const put = (record: ApprovalRecord): ApprovalRecord => {
    rows.set(record.id, Object.freeze({ ...record }));
    return record;
  };
  return {
    async ask(record) {
      const now = record.askedAt;
      const live = [...rows.values()].filter(({ expiresAt, state }) => now < expiresAt && state !== 'used');
      const same = live.findLast((row) => isSameRequest(row, record));
      if (same) return { record: same, added: false };
      const waiting = live.filter(({ state }) => state === 'waiting');
      const alike = waiting.filter((row) => isAlike(row, record)).length;
      if (waiting.length >= mostWaiting.all || alike >= mostWaiting.alike) throw tooManyWait();
      return { record: put(record), added: true };
    },
    find: async (id) => rows.get(id) ?? null,
    async decide(id, { state, by, reason }, now) {
      const row = rows.get(id);
      if (!row) throw new Fault('not_found', `No request ${id} waits. See: countersign approval list`);
      const open = row.state === 'waiting' || (row.state === 'granted' && state === 'refused');
      if (!open || now >= row.expiresAt) throw notDecidable(row, now);
      return put({ ...row, state, decidedAt: now, decidedBy: by, reason });
    },
    async use(id, now) {
      const row = rows.get(id);
      if (row?.state !== 'granted' || now >= row.expiresAt) return false;
      put({ ...row, state: 'used' });
      return true;
    },
    list: async () => [...rows.values()].toSorted((a, b) => a.askedAt - b.askedAt),
  };
}
