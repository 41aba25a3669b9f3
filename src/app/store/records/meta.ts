import type { Connection } from '../connection.ts';
import type { StoreMeta } from '../store.ts';
import { one, run } from '../work.ts';

/** The small facts of the store. */
export function storeMeta({ read, write }: Connection): StoreMeta {
  return {
    get: (name) =>
      read(() =>
        one((row: { readonly value: string }) => row.value, 'SELECT value FROM meta WHERE name = ?', name),
      ),
    set: (name, value) =>
      write(function* () {
        yield* run(
          'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
          name,
          value,
        );
      }),
    swap: (name, before, value) =>
      write(function* () {
        const changed =
          before === null
            ? yield* run('INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING', name, value)
            : yield* run('UPDATE meta SET value = ? WHERE name = ? AND value = ?', value, name, before);
        return changed === 1;
      }),
  };
}
