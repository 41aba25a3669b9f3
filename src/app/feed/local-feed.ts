import type { Clock } from '../../kernel/clock.ts';
import { randomId } from '../../kernel/random.ts';
import type { SealingKeys } from '../../gateway/key-ring.ts';
import type { Store } from '../store/store.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Change } from '../store/change-feed.ts';
import type { FeedStamp } from './feed-age.ts';
import type { Feed, FeedMessage, FeedTrust, HeardOf, PolicyFile } from './feed-message.ts';

/** How often a silent feed says that it is there, in milliseconds. */
export const heartbeatMilliseconds = 1_000;

/** The feed of an authority in this process: the store's changes and the policy folder, joined. */
export interface LocalFeed extends Feed, Disposable {
  /** Publishes a new set of policies. */
  publishPolicies(files: readonly PolicyFile[]): void;
  /** Tells which calls were decided that gateways may hold. */
  publishDecided(ids: readonly string[]): void;
  /** Tells whom to trust now. */
  publishTrust(): void;
  /** Tells what to seal with now. */
  publishSealing(): void;
}

/** When a feed says what. */
export interface FeedTimes {
  readonly clock: Clock;
  /**
   * Calls the listener whenever this authority is known to have heard of every change of the store; unless it is given there is
   * nobody else who changes it, and every second is such a moment.
   */
  readonly beats?: (listener: () => void) => () => void;
}

/** `id` is what `storeId` gives. */
export function createLocalFeed(
  {
    changes,
    id: store,
    sealing = () => null,
  }: Pick<Store, 'changes'> & { readonly id: string; readonly sealing?: () => SealingKeys | null },
  policies: () => readonly PolicyFile[],
  trust: () => FeedTrust,
  { clock, beats = everySecond }: FeedTimes,
): LocalFeed {
  const of = randomId();
  const now = (): FeedStamp => ({ of, at: clock.monotonic(), time: clock.now() });
  const listeners = new Set<(message: FeedMessage) => void>();
  const tell = (message: FeedMessage): void => {
    for (const listener of listeners) listener(message);
  };
  const sealed = (): { readonly sealing?: SealingKeys } => {
    const keys = sealing();
    return keys ? { sealing: keys } : {};
  };
  const stopStore = changes.subscribe((change) => tell({ type: 'change', change }));
  // Only these say how fresh the registry is: what else is told may come from an authority that has lost its store.
  const stopBeats = beats(() => tell({ type: 'heartbeat', stamp: now() }));
  return {
    async subscribe(listener, heard = null) {
      // Changes that commit while the snapshot is read wait, so that none is lost and none comes first.
      const early: FeedMessage[] = [];
      // The number of the last change told; a snapshot may hold more than what this process has heard of by then.
      let told: number | null = null;
      const gate = (message: FeedMessage): void => {
        if (told === null) early.push(message);
        else if (message.type !== 'change' || message.change.sequence > told) listener(message);
      };
      listeners.add(gate);
      // What is read is at least as new as this.
      const stamp = now();
      const missed = heard?.store === store ? await changesAfter(heard, changes) : null;
      const registry = missed ? null : await changes.snapshot();
      const beside = { policies: policies(), trust: trust(), store, stamp, ...sealed() };
      listener(registry ? { type: 'snapshot', registry, ...beside } : { type: 'resumed', ...beside });
      for (const change of missed ?? []) listener({ type: 'change', change });
      told = registry?.sequence ?? missed?.at(-1)?.sequence ?? heard?.sequence ?? 0;
      for (const message of early) gate(message);
      return () => listeners.delete(gate);
    },
    now,
    publishDecided: (decided) => tell({ type: 'heartbeat', decided }),
    publishTrust: () => tell({ type: 'heartbeat', trust: trust() }),
    publishSealing: () => tell({ type: 'heartbeat', ...sealed() }),
    publishPolicies: (files) => tell({ type: 'policies', policies: files }),
    [Symbol.dispose]() {
      stopStore();
      stopBeats();
      listeners.clear();
    },
  };
}

/** Null when they are no longer kept, or are not known here. */
async function changesAfter(
  { sequence }: HeardOf,
  changes: Pick<Store['changes'], 'since'>,
): Promise<readonly Change[] | null> {
  try {
    return await changes.since(sequence);
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null;
    throw error;
  }
}

function everySecond(listener: () => void): () => void {
  const timer = setInterval(listener, heartbeatMilliseconds);
  timer.unref();
  return () => clearInterval(timer);
}
