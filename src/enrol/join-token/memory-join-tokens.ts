import { equalBytes, utf8 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import type { JoinTokenRecord, JoinTokenRecords } from './join-token-records.ts';

/** Join tokens that live as long as the process. */
export function memoryJoinTokens(): JoinTokenRecords {
  const rows = new Map<string, JoinTokenRecord>();
  return {
    async add(record) {
      if (rows.has(record.id)) throw new Fault('conflict', `The join token ${record.id} exists already.`);
      rows.set(record.id, Object.freeze({ ...record }));
    },
    async redeem(id, secretHash, now) {
      const record = rows.get(id);
      if (!record || !equalBytes(utf8(record.secretHash), utf8(secretHash))) return null;
      if (record.redeemedAt !== null || now >= record.expiresAt) return null;
      const redeemed = Object.freeze({ ...record, redeemedAt: now });
      rows.set(id, redeemed);
      return redeemed;
    },
    async withdraw(name, kinds, now) {
      const open = [...rows.values()].filter(
        (row) =>
          row.name === name && kinds.includes(row.kind) && row.redeemedAt === null && now < row.expiresAt,
      );
      for (const row of open) rows.set(row.id, Object.freeze({ ...row, expiresAt: now }));
      return open.length;
    },
    async list() {
      return [...rows.values()].sort((a, b) => a.createdAt - b.createdAt);
    },
  };
}
