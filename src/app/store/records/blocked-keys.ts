import type { BlockedKeys } from '../../../ca/blocked-keys.ts';
import type { Connection } from '../connection.ts';
import { exists, run } from '../work.ts';

/** The blocked keys of the store. */
export function blockedKeys({ read, write }: Connection): BlockedKeys {
  return {
    block: (keyHash, reason, at) =>
      write(function* () {
        const added = yield* run(
          'INSERT INTO blocked_keys (key_hash, reason, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
          keyHash,
          reason,
          at,
        );
        return added === 1;
      }),
    isBlocked: (keyHash) => read(() => exists('SELECT 1 FROM blocked_keys WHERE key_hash = ?', keyHash)),
  };
}
