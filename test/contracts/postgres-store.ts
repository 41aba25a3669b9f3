import { openPostgresStore } from '../../src/app/store/open-store.ts';
import type { PostgresPlace } from '../../src/app/store/postgres/place.ts';
import type { Store } from '../../src/app/store/store.ts';
import { type Clock, steppedClock } from '../../src/kernel/clock.ts';
import type { Postgres } from '../interop/start-postgres.ts';

/** How a database of a server of tests is reached. */
export function placeOf({ host, port, user }: Postgres, database: string): PostgresPlace {
  return { hosts: [{ host, port }], database, user, password: null, tls: null };
}

/** Opens a store on a database, made when it is empty. */
export function openOn(
  postgres: Postgres,
  database: string,
  clock: Clock = steppedClock(1_000),
): Promise<Store> {
  const place = placeOf(postgres, database);
  return openPostgresStore({ place, clock, missing: 'create', log: () => undefined });
}

/** A store on an empty database of its own. */
export async function withPostgresStore(
  postgres: Postgres,
  use: (store: Store) => Promise<void>,
): Promise<void> {
  await using store = await openOn(postgres, await postgres.createDatabase());
  await use(store);
}
