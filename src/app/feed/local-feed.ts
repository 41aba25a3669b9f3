import type { Store } from '../store/store.ts';
import type { Feed, FeedMessage, FeedTrust, PolicyFile } from './feed-message.ts';

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
}

export function createLocalFeed(
  store: Pick<Store, 'changes'>,
  policies: () => readonly PolicyFile[],
  trust: () => FeedTrust,
): LocalFeed {
  const listeners = new Set<(message: FeedMessage) => void>();
  const tell = (message: FeedMessage): void => {
    for (const listener of listeners) listener(message);
  };
  const stopStore = store.changes.subscribe((change) => tell({ type: 'change', change }));
  const heartbeat = setInterval(() => tell({ type: 'heartbeat' }), heartbeatMilliseconds);
  heartbeat.unref();
  return {
    async subscribe(listener) {
      // Changes that commit while the snapshot is read wait, so that none is lost and none comes first.
      const early: FeedMessage[] = [];
      let ready = false;
      const gate = (message: FeedMessage): void => {
        if (ready) listener(message);
        else early.push(message);
      };
      listeners.add(gate);
      const registry = await store.changes.snapshot();
      listener({ type: 'snapshot', registry, policies: policies(), trust: trust() });
      for (const message of early) {
        if (message.type !== 'change' || message.change.sequence > registry.sequence) listener(message);
      }
      ready = true;
      return () => listeners.delete(gate);
    },
    publishDecided: (decided) => tell({ type: 'heartbeat', decided }),
    publishTrust: () => tell({ type: 'heartbeat', trust: trust() }),
    publishPolicies: (files) => tell({ type: 'policies', policies: files }),
    [Symbol.dispose]() {
      stopStore();
      clearInterval(heartbeat);
      listeners.clear();
    },
  };
}
