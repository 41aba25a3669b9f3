import type { ScepTransaction, ScepTransactions, WaitingMessage } from './scep-transactions.ts';

/** Transactions in memory, for specifications. */
export function memoryTransactions(): ScepTransactions {
  const rows = new Map<string, ScepTransaction>();
  const kept = new Map<string, WaitingMessage>();
  return {
    async find(hash, now) {
      const row = rows.get(hash);
      return row && row.endsAt > now ? row : null;
    },
    async put(transaction, now) {
      for (const [hash, { endsAt }] of rows) if (endsAt <= now) rows.delete(hash);
      rows.set(transaction.hash, transaction);
      kept.delete(transaction.hash);
    },
    async keep(waiting, now) {
      for (const [hash, { endsAt }] of kept) if (endsAt <= now) kept.delete(hash);
      kept.set(waiting.hash, waiting);
    },
    async waiting(hash, now) {
      const row = kept.get(hash);
      return row && row.endsAt > now ? row : null;
    },
  };
}
