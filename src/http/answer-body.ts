import { type ChunkQueue, createChunkQueue } from './chunk-queue.ts';
import { ExchangeFailure } from './failure.ts';

/** What a body asks of the connection it comes from. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** Nobody reads on. */
  leave(reason: Error): void;
}

/** Octets that may wait for a reader before the peer is asked to pause. */
const highWaterOctets = 256 * 1024;

/** The body of an answer: kept until somebody says how it shall be read. */
export class AnswerBody {
  private readonly source: BodySource;
  private kept: Uint8Array[] = [];
  private size = 0;
  private limit = Number.POSITIVE_INFINITY;
  private ending: { readonly error: unknown } | 'well' | null = null;
  private queue: ChunkQueue | null = null;
  private collecting: PromiseWithResolvers<Uint8Array> | null = null;

  constructor(source: BodySource) {
    this.source = source;
  }

  push(piece: Uint8Array): void {
    if (this.queue) {
      this.queue.push(piece);
      if (this.queue.size > highWaterOctets) this.source.pause();
      return;
    }
    this.kept.push(piece);
    this.size += piece.length;
    if (this.size > this.limit) this.fail(this.refused());
    else if (!this.collecting && this.size > highWaterOctets) this.source.pause();
  }

  end(): void {
    this.ending ??= 'well';
    this.queue?.end();
    this.collecting?.resolve(this.joined());
  }

  fail(error: unknown): void {
    this.ending ??= { error };
    this.queue?.fail(error);
    this.collecting?.reject(error);
  }

  whole(limit: number): Promise<Uint8Array> {
    this.limit = limit;
    this.collecting = Promise.withResolvers();
    const { promise, resolve, reject } = this.collecting;
    if (this.size > limit) reject(this.refused());
    else if (this.ending === 'well') resolve(this.joined());
    else if (this.ending) reject(this.ending.error);
    else this.source.resume();
    return promise;
  }

  pieces(): AsyncIterable<Uint8Array> {
    const queue = createChunkQueue({
      onDrained: () => this.source.resume(),
      onLeft: () => this.source.leave(new Error('the reader left')),
    });
    this.queue = queue;
    for (const piece of this.kept.splice(0)) queue.push(piece);
    if (this.ending === 'well') queue.end();
    else if (this.ending) queue.fail(this.ending.error);
    return queue.chunks;
  }

  /** Ends the exchange, of which more came than is taken. */
  private refused(): ExchangeFailure {
    const failure = new ExchangeFailure('oversized', `its answer is larger than ${this.limit} octets`);
    this.source.leave(failure);
    return failure;
  }

  private joined(): Uint8Array {
    const [only] = this.kept;
    return this.kept.length === 1 && only ? only : Buffer.concat(this.kept);
  }
}
