import type { BlockedKeys } from '../../../ca/blocked-keys.ts';
import type { Connection } from './connection.ts';

/** The blocked keys of the store. */
export function blockedKeys(connection: Connection): BlockedKeys {
  const { database, read, write } = connection;
  const insert = database.prepare(
    'INSERT INTO blocked_keys (key_hash, reason, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const select = database.prepare('SELECT 1 FROM blocked_keys WHERE key_hash = ?');
  return {
    block: (keyHash, reason, at) => write(() => insert.run(keyHash, reason, at).changes === 1),
    isBlocked: (keyHash) => read(() => select.get(keyHash) !== undefined),
  };
}
