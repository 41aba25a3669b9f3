import type { Clock } from '../kernel/clock.ts';
import { newKey, order } from './authority-client.ts';
import type { Credentials } from './credentials.ts';
import type { KeyStore } from './key-store.ts';

/** What renewing a stored certificate needs. */
export interface StoredRenewal {
  readonly store: KeyStore;
  readonly authority: string;
  /** Whether the roots are named by the user and not to be replaced by the authority's. */
  readonly fixedRoots: boolean;
  readonly clock: Clock;
}

/** Gets a certificate for a new key over a connection that the current one authenticates, and stores both. */
export async function renewStored(
  { store, authority, fixedRoots, clock }: StoredRenewal,
  current: Credentials,
  signal: AbortSignal,
): Promise<void> {
  await using _lock = await store.lock(signal);
  const stored = await store.load();
  // Another bridge of this agent was first.
  if (stored && stored.leaf.serial !== current.leaf.serial) return;
  const key = newKey();
  await store.prepare(key);
  const roots = current.roots ?? stored?.roots ?? '';
  const delivered = await order({
    authority,
    path: '/v1/enrol/renew',
    token: null,
    name: current.leaf.commonName ?? '',
    key,
    roots,
    present: current,
    clock,
    signal,
  });
  await store.commit(delivered.certificate, fixedRoots ? roots : delivered.roots);
}
