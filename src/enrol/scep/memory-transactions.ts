import type { ScepTransaction, ScepTransactions } from './scep-transactions.ts';

/** Transactions in memory, for specifications. */
export function memoryTransactions(): ScepTransactions {
  const rows = new Map<string, ScepTransaction>();
  return {
    async find(hash, now) {
      const row = rows.get(hash);
      return row && row.endsAt > now ? row : null;
    },
    async put(transaction, now) {
      for (const [hash, { endsAt }] of rows) if (endsAt <= now) rows.delete(hash);
      rows.set(transaction.hash, transaction);
    },
  };
}
