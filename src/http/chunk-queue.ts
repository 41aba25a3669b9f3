/** Chunks on their way from one that pushes to one that iterates. */
export interface ChunkQueue {
  push(chunk: Uint8Array): void;
  /** The iteration ends after what is queued. */
  end(): void;
  /** The iteration throws after what is queued. */
  fail(error: unknown): void;
  /** Octets pushed and not yet taken. */
  readonly size: number;
  readonly ended: boolean;
  /** May be iterated once. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** What the pushing side wants to know. */
export interface ChunkQueueHooks {
  /** Everything queued was taken. */
  onDrained?(): void;
  /** The iteration was left before its end; pushing more is pointless. */
  onLeft?(): void;
}

export function createChunkQueue(hooks: ChunkQueueHooks = {}): ChunkQueue {
  let queued: Uint8Array[] = [];
  let size = 0;
  let ending: { readonly error: unknown } | 'well' | null = null;
  let left = false;
  let wake: (() => void) | null = null;

  const arrived = (): void => {
    wake?.();
    wake = null;
  };
  const settle = (how: typeof ending): void => {
    ending ??= how;
    arrived();
  };

  async function* iterate(): AsyncGenerator<Uint8Array, void, undefined> {
    let done = false;
    try {
      for (;;) {
        const batch = queued;
        queued = [];
        for (const chunk of batch) {
          size -= chunk.length;
          yield chunk;
        }
        if (queued.length > 0) continue;
        if (ending !== null) break;
        hooks.onDrained?.();
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      done = true;
      if (ending !== 'well') throw ending.error;
    } finally {
      if (!done) {
        left = true;
        queued = [];
        size = 0;
        hooks.onLeft?.();
      }
    }
  }

  return {
    push(chunk) {
      if (ending !== null || left) return;
      queued.push(chunk);
      size += chunk.length;
      arrived();
    },
    end: () => settle('well'),
    fail: (error) => settle({ error }),
    get size() {
      return size;
    },
    get ended() {
      return ending !== null || left;
    },
    chunks: iterate(),
  };
}
