import { createHash, hkdfSync, type KeyObject } from 'node:crypto';
import { toBase64url, utf8 } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText } from '../../kernel/fault.ts';
import type { SealingKeys } from '../../gateway/key-ring.ts';
import type { Change, ChangeFeed } from '../store/change-feed.ts';
import type { StoreMeta } from '../store/store.ts';

/** How long a secret seals, and how long it is kept after that for what it sealed, in milliseconds. */
export interface SealingTimes {
  readonly rotate: number;
  readonly kept: number;
}

const hour = 3_600_000;

/** For an authority that serves no gateway. */
export const usualSealingTimes: SealingTimes = { rotate: 24 * hour, kept: 168 * hour };

/** The secrets that gateways seal sessions and handles with, made anew with time and with every gateway that is revoked. */
export interface SealingSecrets extends Disposable {
  current(): SealingKeys;
}

/** Where it is written which gateways were revoked, as serials: whoever was one knows the secrets before. */
const fact = 'sealing-revoked';
/** How often it is looked whether it is time, in milliseconds. */
const lookMilliseconds = 1_000;

/**
 * Derived from a private key of the authority, so that none has to be stored, and every authority that has the key and the
 * store tells the same. `storeId`: after a backup was restored all are new. `onChange` is called when others count.
 */
export async function openSealingSecrets(options: {
  readonly key: KeyObject;
  readonly storeId: string;
  readonly store: {
    readonly meta: Pick<StoreMeta, 'get' | 'swap'>;
    readonly changes: Pick<ChangeFeed, 'snapshot' | 'subscribe'>;
  };
  readonly times: SealingTimes;
  readonly clock: Clock;
  readonly onChange: () => void;
  readonly log: (line: string) => void;
}): Promise<SealingSecrets> {
  const { store, clock, times, log } = options;
  const master = options.key.export({ type: 'pkcs8', format: 'der' });
  const { certificates } = await store.changes.snapshot();
  let revoked = await addRevoked(
    store.meta,
    certificates.filter(isRevokedGateway).map(({ serial }) => serial),
  );
  const keysNow = (): SealingKeys => {
    const epoch = Math.floor(clock.now() / times.rotate);
    const generation = generationOf(options.storeId, revoked);
    const keys: Record<string, string> = {};
    const oldest = epoch - Math.ceil(times.kept / times.rotate);
    // The next one as well: whoever hears of it later opens what others seal with it already.
    for (let at = oldest; at <= epoch + 1; at += 1)
      keys[idOf(generation, at)] = derive(master, generation, at);
    return { current: idOf(generation, epoch), keys };
  };
  let told = keysNow();
  const tell = (): void => {
    const now = keysNow();
    if (now.current === told.current) return;
    told = now;
    options.onChange();
  };
  const heard = new Set<string>();
  let busy = false;
  const look = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      // Read anew: another authority of the same store may have added some.
      do revoked = await addRevoked(store.meta, [...heard]);
      while ([...heard].some((serial) => !revoked.includes(serial)));
    } catch (error) {
      log(`Which gateways were revoked could not be read: ${errorText(error)}`);
    } finally {
      busy = false;
    }
    tell();
  };
  const timer = setInterval(() => void look(), lookMilliseconds);
  timer.unref();
  const stop = store.changes.subscribe((change) => {
    const serial = revokedGateway(change);
    if (serial === null) return;
    heard.add(serial);
    void look();
  });
  return {
    current: () => told,
    [Symbol.dispose]() {
      clearInterval(timer);
      stop();
    },
  };
}

type Standing = NonNullable<(Change & { readonly kind: 'certificate' })['value']>;

function isRevokedGateway({ kind, state }: Standing): boolean {
  return kind === 'gateway' && state === 'revoked';
}

function revokedGateway(change: Change): string | null {
  if (change.kind !== 'certificate' || change.value === null) return null;
  return isRevokedGateway(change.value) ? change.key : null;
}

async function addRevoked(
  meta: Pick<StoreMeta, 'get' | 'swap'>,
  serials: readonly string[],
): Promise<readonly string[]> {
  for (;;) {
    const text = await meta.get(fact);
    const known = text === null || text === '' ? [] : text.split(' ');
    const added = serials.filter((serial) => !known.includes(serial));
    if (added.length === 0) return known;
    const all = [...known, ...added].sort();
    if (await meta.swap(fact, text, all.join(' '))) return all;
  }
}

function generationOf(storeId: string, revoked: readonly string[]): string {
  const digest = createHash('sha256')
    .update(utf8(JSON.stringify([storeId, revoked])))
    .digest();
  return toBase64url(digest.subarray(0, 6));
}

function idOf(generation: string, epoch: number): string {
  return `${generation}-${epoch.toString(36)}`;
}

function derive(master: Uint8Array, generation: string, epoch: number): string {
  const purpose = `countersign sealing ${generation} ${epoch}`;
  return toBase64url(new Uint8Array(hkdfSync('sha256', master, '', purpose, 32)));
}
