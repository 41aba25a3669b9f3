import type { UsedTokens } from './used-tokens.ts';

/** Used tokens in memory, for tests. */
export function memoryUsedTokens(): UsedTokens {
  const ends = new Map<string, number>();
  return {
    async take(hash, endsAt, now) {
      for (const [each, end] of ends) if (end <= now) ends.delete(each);
      if (ends.has(hash)) return false;
      ends.set(hash, endsAt);
      return true;
    },
    has: async (hash) => ends.has(hash),
  };
}
