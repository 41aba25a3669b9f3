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
  /** May be iterated once, and by one reader. */
  readonly chunks: AsyncIterableIterator<Uint8Array, undefined>;
}

/** What the pushing side wants to know. */
export interface ChunkQueueHooks {
  /** Everything queued was taken. */
  onDrained?(): void;
  /** The iteration was left before its end; pushing more is pointless. */
  onLeft?(): void;
}

export function createChunkQueue(hooks: ChunkQueueHooks = {}): ChunkQueue {
  return new Queue(hooks);
}

type Step = IteratorResult<Uint8Array, undefined>;

/** Every answer that is streamed goes through one: it iterates by hand, because a generator costs three promises a chunk. */
class Queue implements ChunkQueue, AsyncIterableIterator<Uint8Array, undefined> {
  size = 0;
  private readonly hooks: ChunkQueueHooks;
  private queued: Uint8Array[] = [];
  /** How many of them were taken. */
  private taken = 0;
  private ending: { readonly error: unknown } | 'well' | null = null;
  /** Whether the iteration is over. */
  private over = false;
  private waiting: PromiseWithResolvers<Step> | null = null;

  constructor(hooks: ChunkQueueHooks) {
    this.hooks = hooks;
  }

  get ended(): boolean {
    return this.ending !== null || this.over;
  }

  get chunks(): this {
    return this;
  }

  push(chunk: Uint8Array): void {
    if (this.ended) return;
    const { waiting } = this;
    if (waiting) {
      this.waiting = null;
      return waiting.resolve({ done: false, value: chunk });
    }
    this.queued.push(chunk);
    this.size += chunk.length;
  }

  end(): void {
    this.settle('well');
  }

  fail(error: unknown): void {
    this.settle({ error });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    if (this.waiting) return Promise.reject(new TypeError('A queue of chunks has one reader.'));
    const value = this.queued[this.taken];
    if (value !== undefined) {
      this.taken += 1;
      this.size -= value.length;
      return Promise.resolve({ done: false, value });
    }
    if (this.taken > 0) [this.queued, this.taken] = [[], 0];
    if (this.over) return Promise.resolve(finished);
    if (this.ending) return this.conclude(this.ending);
    this.waiting = Promise.withResolvers();
    const { promise } = this.waiting;
    this.hooks.onDrained?.();
    return promise;
  }

  return(): Promise<Step> {
    if (!this.over) {
      this.over = true;
      [this.queued, this.taken, this.size] = [[], 0, 0];
      this.waiting?.resolve(finished);
      this.hooks.onLeft?.();
    }
    return Promise.resolve(finished);
  }

  private settle(how: NonNullable<typeof this.ending>): void {
    if (this.ended) return;
    this.ending = how;
    const { waiting } = this;
    this.waiting = null;
    waiting?.resolve(this.conclude(how));
  }

  private conclude(how: NonNullable<typeof this.ending>): Promise<Step> {
    this.over = true;
    return how === 'well' ? Promise.resolve(finished) : Promise.reject(how.error);
  }
}

const finished: Step = { done: true, value: undefined };
