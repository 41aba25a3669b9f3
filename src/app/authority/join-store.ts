import type { KeyObject } from 'node:crypto';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type Instance, readInstance, writeInstance } from '../peers/instance-file.ts';
import { joinPeers } from '../peers/join-peers.ts';
import { onlyAuthority, type Peers } from '../peers/peers.ts';
import { agreeOnKeys, fingerprintOfKey } from '../peers/shared-keys.ts';
import { sharedSteps } from '../peers/shared-steps.ts';
import type { Store } from '../store/store.ts';
import { version } from '../version.ts';
import type { DataFolder } from './data-folder.ts';
import type { Issuers } from './open-issuers.ts';
import { readKeyOctets } from './signing-key-file.ts';

/** This authority among those of its store. */
export interface JoinedStore {
  readonly peers: Peers;
  /** Null where there is one authority. */
  readonly instance: Instance | null;
}

/**
 * Takes a place among the authorities of a shared store: with the same keys, and the same issuers from now on. Nothing of it on a store
 * that is one process's own. Throws Fault `authority_differs`, and what the store and the folder throw.
 */
export async function joinStore(
  parts: {
    readonly data: DataFolder;
    readonly store: Pick<Store, 'isShared' | 'meta'>;
    readonly trustDomain: string;
    readonly auditKey: KeyObject;
    readonly registrationKey: KeyObject | null;
    readonly issuers: Issuers;
    readonly passphrase: string;
    readonly clock: Clock;
    readonly log: (line: string) => void;
  },
  opened: AsyncDisposableStack,
): Promise<JoinedStore> {
  const { data, store, trustDomain, auditKey, registrationKey, issuers, clock, log } = parts;
  if (!store.isShared) return { peers: onlyAuthority(), instance: null };
  const facts = store.meta;
  const keys = {
    'trust domain': trustDomain,
    'audit key': fingerprintOfKey(auditKey),
    ...(registrationKey && { 'registration key': fingerprintOfKey(registrationKey) }),
  };
  await agreeOnKeys(facts, keys, data.folder);
  const instance = await placeOf(parts);
  const ownKey = (): Promise<Uint8Array> => readKeyOctets(data.intermediateKey);
  await issuers.share(sharedSteps({ facts, key: auditKey, passphrase: parts.passphrase, ownKey }));
  const says = { name: instance.name, url: '', version, issuers: issuers.step() };
  const peers = opened.use(await joinPeers({ id: instance.id, facts, says, clock, log }));
  opened.defer(peers.onBeat(following(issuers, peers, log)));
  return { peers, instance };
}

const first = 'first-authority';

/** Every folder but the first was made by joining: one that was copied has the logs of another. Throws Fault `authority_differs`. */
async function placeOf({
  data,
  store,
}: Pick<Parameters<typeof joinStore>[0], 'data' | 'store'>): Promise<Instance> {
  const instance =
    (await readInstance(data.instance)) ??
    (await writeInstance(data.instance, { name: 'first', isFirst: true }));
  if (!instance.isFirst) return instance;
  await store.meta.swap(first, null, instance.id);
  if ((await store.meta.get(first)) === instance.id) return instance;
  throw new Fault(
    'authority_differs',
    `${data.folder} is a copy of the folder of the first authority of this store, or was restored beside it. Make one that belongs to it: countersign peer export there, then countersign peer join here.`,
  );
}

/** Takes the steps of rotations that others take, and tells them how far that is. */
function following(issuers: Issuers, peers: Peers, log: (line: string) => void): () => Promise<void> {
  let failing = '';
  return async () => {
    try {
      await issuers.follow();
      failing = '';
    } catch (error) {
      const text = errorText(error);
      if (failing !== text) log(`The last step of the rotation cannot be taken here: ${text}`);
      failing = text;
    }
    peers.say({ issuers: issuers.step() });
  };
}
