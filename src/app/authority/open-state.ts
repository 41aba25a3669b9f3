import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { Redactor } from '../../secrets/redact.ts';
import { createSecretResolver } from '../../secrets/resolve.ts';
import { readStoreFile, type StoreSettings } from '../config/store-file.ts';
import { openPostgresStore, openStore } from '../store/open-store.ts';
import type { PostgresHost, PostgresPlace } from '../store/postgres/place.ts';
import type { Store } from '../store/store.ts';
import type { DataFolder } from './data-folder.ts';

/** What opening the state needs of the world. */
export interface StateWorld {
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Learns the password of the database. */
  readonly redactor: Pick<Redactor, 'learn' | 'forget'>;
  readonly log: (line: string) => void;
}

const usualPort = 5_432;

/**
 * Opens the state of an authority where it is: in its data folder, or where `store.yaml` says. Throws what `openStore` and
 * `openPostgresStore` throw, and Fault `config_invalid`.
 */
export async function openState(
  data: DataFolder,
  world: StateWorld,
  missing: 'create' | 'refuse',
): Promise<Store> {
  const { clock, log } = world;
  const settings = await readStore(data);
  if (settings === null) return await openStore({ file: data.database, clock, missing });
  const place = postgresPlace(data, settings, world);
  return await openPostgresStore({ place, clock, missing, log });
}

/** What `store.yaml` says; null when there is none, so that the state is in the data folder. */
export async function readStore({ store }: DataFolder): Promise<StoreSettings | null> {
  const text = await readFile(store, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new Fault('unavailable', `${store} cannot be read: ${errorText(error)}.`, { cause: error });
  });
  return text === null ? null : readStoreFile(store, text);
}

/** How to reach the database of the settings; everything secret is read when a connection is made. */
export function postgresPlace(
  { store }: DataFolder,
  { postgres }: StoreSettings,
  { environment, redactor, clock }: StateWorld,
): PostgresPlace {
  const { database, user, password, authorities, certificate, key } = postgres;
  const secrets = createSecretResolver({ environment, redactor, clock, holdMilliseconds: 0 });
  const hosts = postgres.hosts.map(readHost);
  const isHere = hosts.every(({ host }) => host.startsWith('/') || loopback.has(host));
  const pem = (path: string | undefined): Promise<string | null> => readBeside(store, path);
  const tls = async () => ({
    authorities: await pem(authorities),
    certificate: await pem(certificate),
    key: key === undefined ? null : await secrets.resolve(key),
  });
  return {
    hosts,
    database,
    user,
    password: password === undefined ? null : () => secrets.resolve(password),
    // On the way to another machine others can listen and answer in its place.
    tls: isHere && authorities === undefined ? null : tls,
  };
}

const loopback = new Set(['127.0.0.1', '::1', 'localhost']);

function readHost(text: string): PostgresHost {
  if (text.startsWith('/')) return { host: text, port: usualPort };
  const { hostname, port } = new URL(`tcp://${text}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || usualPort) };
}

async function readBeside(store: string, path: string | undefined): Promise<string | null> {
  if (path === undefined) return null;
  const place = resolve(dirname(store), path);
  try {
    return await readFile(place, 'utf8');
  } catch (cause) {
    throw new Fault('config_invalid', `${store}: ${place} cannot be read.`, { cause });
  }
}
