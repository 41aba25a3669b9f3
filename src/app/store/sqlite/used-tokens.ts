import type { UsedTokens } from '../../../enrol/workload/used-tokens.ts';
import type { Connection } from './connection.ts';

/** The tokens of the store that are good once and were used. */
export function usedTokens({ database, read, write }: Connection): UsedTokens {
  const forget = database.prepare('DELETE FROM used_tokens WHERE ends_at <= ?');
  // One statement is the whole compare-and-set: of many callers, in any process, one inserts.
  const insert = database.prepare(
    'INSERT INTO used_tokens (hash, ends_at) VALUES (?, ?) ON CONFLICT DO NOTHING',
  );
  const select = database.prepare('SELECT 1 FROM used_tokens WHERE hash = ?');
  return {
    has: (hash) => read(() => select.get(hash) !== undefined),
    take: (hash, endsAt, now) =>
      write(() => {
        forget.run(now);
        return Number(insert.run(hash, endsAt).changes) === 1;
      }),
  };
}
