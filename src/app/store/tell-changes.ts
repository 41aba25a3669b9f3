import type { Change } from './change-feed.ts';

/** Tells whoever listens of changes that are durable. */
export interface ChangeTeller {
  /** In order; what comes about meanwhile waits. */
  tell(changes: readonly Change[]): void;
  subscribe(listener: (change: Change) => void): () => void;
}

export function changeTeller(): ChangeTeller {
  const listeners = new Set<(change: Change) => void>();
  const queue: Change[] = [];
  let telling = false;
  return {
    // A listener may write; its change waits so that every listener hears all changes in the same order.
    tell(changes) {
      queue.push(...changes);
      if (telling) return;
      telling = true;
      try {
        for (let change = queue.shift(); change; change = queue.shift()) {
          for (const listener of listeners) hear(listener, change);
        }
      } finally {
        telling = false;
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The change is committed: a listener that throws must not make its writer believe otherwise, nor pass unheard. */
function hear(listener: (change: Change) => void, change: Change): void {
  try {
    listener(change);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
