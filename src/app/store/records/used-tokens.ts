import type { UsedTokens } from '../../../enrol/workload/used-tokens.ts';
import type { Connection } from '../connection.ts';
import { exists, run } from '../work.ts';

// One statement is the whole compare-and-set: of many callers, in any process, one inserts.
const insert = 'INSERT INTO used_tokens (hash, ends_at) VALUES (?, ?) ON CONFLICT DO NOTHING';

/** The tokens of the store that are good once and were used. */
export function usedTokens({ read, write }: Connection): UsedTokens {
  return {
    has: (hash) => read(() => exists('SELECT 1 FROM used_tokens WHERE hash = ?', hash)),
    take: (hash, endsAt, now) =>
      write(function* () {
        yield* run('DELETE FROM used_tokens WHERE ends_at <= ?', now);
        return (yield* run(insert, hash, endsAt)) === 1;
      }),
  };
}
