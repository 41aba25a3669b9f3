import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataFolder, dataFolder } from '../../src/app/authority/data-folder.ts';
import { type MovedStore, moveStore } from '../../src/app/authority/move-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createRedactor } from '../../src/secrets/redact.ts';
import type { Postgres } from '../interop/start-postgres.ts';
import { freshAuthority } from './fresh-authority.ts';

/** A `store.yaml` for a database of a server of tests. */
export function storeFileOf({ host, port, user }: Postgres, database: string): string {
  return `postgres: { hosts: ["${host}:${port}"], database: ${database}, user: ${user} }\n`;
}

/** What moving a state needs of the world. */
export const movingWorld = {
  clock: systemClock,
  environment: {},
  redactor: createRedactor(systemClock),
  log: () => undefined,
};

/** A data folder, in a folder that goes away with it. */
export async function aDataFolder(from?: string): Promise<AsyncDisposable & { readonly data: DataFolder }> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-moved-'));
  const data = dataFolder(join(folder, 'authority'));
  await cp(from ?? (await freshAuthority()), data.folder, { recursive: true });
  return { data, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

/** Moves the state of a data folder into a database. */
export async function moved(data: DataFolder, postgres: Postgres, database: string): Promise<MovedStore> {
  const path = join(data.folder, '../new-store.yaml');
  await writeFile(path, storeFileOf(postgres, database));
  return await moveStore(data, { path }, movingWorld);
}
