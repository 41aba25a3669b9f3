import type { StoreMeta } from '../store.ts';
import type { Connection } from './connection.ts';

/** The small facts of the store. */
export function storeMeta(connection: Connection): StoreMeta {
  const { database, read, write } = connection;
  const select = database.prepare('SELECT value FROM meta WHERE name = ?');
  const upsert = database.prepare(
    'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  return {
    get: (name) =>
      read(() => {
        const value = select.get(name)?.['value'];
        return typeof value === 'string' ? value : null;
      }),
    set: (name, value) =>
      write(() => {
        upsert.run(name, value);
      }),
  };
}
