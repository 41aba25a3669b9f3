import { access, readFile, rename } from 'node:fs/promises';
import { syncFolder, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { readStoreFile } from '../config/store-file.ts';
import type { StateContent } from '../store/tables.ts';
import type { DataFolder } from './data-folder.ts';
import { postgresPlace, type StateWorld } from './open-state.ts';
import { holdDataFolder } from './running-authority.ts';
import { readMarker } from './whole-folder.ts';

/** What was moved where. */
export interface MovedStore {
  /** The file that now says where the state is. */
  readonly store: string;
  /** The SQLite file, which nothing opens any more. */
  readonly kept: string;
  readonly tables: StateContent;
}

/**
 * Moves the state of an authority that does not run from its data folder into an empty PostgreSQL: a copy of everything that is
 * compared, then `store.yaml` in the data folder, then the SQLite file is set aside under another name, so that no authority
 * begins on it again. Ended in between it can be done again. Throws Fault `state_locked` while the authority runs, `conflict`
 * when it was moved before, `authority_exists` for a database that holds another state, `config_invalid`, `unavailable`.
 */
export async function moveStore(
  data: DataFolder,
  settings: { readonly path: string },
  world: StateWorld,
): Promise<MovedStore> {
  await readMarker(data);
  using _held = holdDataFolder(data);
  if (!(await exists(data.database))) {
    throw new Fault(
      'conflict',
      `${data.folder} has no SQLite state to move. If it was moved before, ${data.store} says where it is.`,
    );
  }
  const text = await readFile(settings.path, 'utf8').catch((cause: unknown) => {
    throw new Fault('not_found', `${settings.path} cannot be read. Write it as docs/postgresql.md says.`, {
      cause,
    });
  });
  const place = postgresPlace(data, readStoreFile(settings.path, text), world);
  const { moveIn } = await import('../store/postgres/move-in.ts');
  const tables = await moveIn({ file: data.database, place, clock: world.clock });
  await writeDurably(data.store, text);
  const kept = `${data.database}.moved`;
  await rename(data.database, kept);
  await syncFolder(data.folder);
  return { store: data.store, kept, tables };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
