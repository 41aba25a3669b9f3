/** Wakes whoever waits for the decision about a call. */
export interface CallNews {
  /** These were decided. */
  heard(ids: readonly string[]): void;
  /** Resolves when it was decided, when the time is over, or when the signal says that nobody waits any more. */
  decided(id: string, milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** Decisions that are remembered for those who only begin to wait: one may be told while the answer of its asking is under way. */
const mostRemembered = 1_000;

export function createCallNews(): CallNews {
  const waiting = new Map<string, Set<() => void>>();
  const recent = new Set<string>();
  return {
    heard(ids) {
      for (const id of ids) {
        recent.add(id);
        const [oldest] = recent;
        if (recent.size > mostRemembered && oldest !== undefined) recent.delete(oldest);
        for (const wake of waiting.get(id) ?? []) wake();
      }
    },
    decided(id, milliseconds, signal) {
      if (milliseconds === 0 || signal.aborted || recent.delete(id)) return Promise.resolve();
      return new Promise((resolve) => {
        const wakers = waiting.get(id) ?? new Set();
        waiting.set(id, wakers.add(done));
        const timer = setTimeout(done, milliseconds);
        signal.addEventListener('abort', done, { once: true });
        function done(): void {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          wakers.delete(done);
          if (wakers.size === 0 && waiting.get(id) === wakers) waiting.delete(id);
          resolve();
        }
      });
    },
  };
}
