import { canonicalJson } from '../kernel/canonical-json.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import type { AuditLog } from './audit-log.ts';
import { type CheckpointSigner, writeCheckpoint } from './checkpoint.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import { maximumEventOctets } from './entry.ts';
import type { AuditEvent } from './events.ts';
import type { SegmentWriter } from './segment-writer.ts';

interface Waiting {
  readonly event: string;
  readonly time: number;
  readonly resolve: (kept: { readonly index: number }) => void;
  readonly reject: (fault: Fault) => void;
}

interface Problem {
  readonly reason: string;
  /** When it was last seen, by the monotonic clock. */
  readonly at: number;
  /** How many entries it has cost. */
  refused: number;
}

/** How long a failed write keeps refusing before the disk is tried again for a new entry, in milliseconds. */
const holdMilliseconds = 100;
/** How often the disk is tried again when no new entry comes, in milliseconds. */
const retryMilliseconds = 1_000;
/** How long an entry may stand without a checkpoint over it, in milliseconds. */
const checkpointMilliseconds = 1_000;
/** The most entries that one write takes. */
const batchLimit = 1_024;

/** One write and one fdatasync for all entries that came while the last one was under way. */
export class GroupCommitLog implements AuditLog {
  readonly origin: string;
  private readonly writer: SegmentWriter;
  private readonly store: CheckpointStore;
  private readonly clock: Clock;
  private readonly signer: CheckpointSigner;
  private readonly queueLimit: number;
  private readonly checkpointEvery: number;
  private queue: Waiting[] = [];
  private running: Promise<void> | null = null;
  private signing: Promise<string> = Promise.resolve('');
  private signedSize = 0;
  private checkpointTimer: NodeJS.Timeout | null = null;
  private retryTimer: NodeJS.Timeout | null = null;
  private problem: Problem | null = null;
  private closed = false;

  constructor(
    writer: SegmentWriter,
    store: CheckpointStore,
    options: {
      readonly origin: string;
      readonly clock: Clock;
      readonly signer: CheckpointSigner;
      readonly queueLimit: number;
      readonly checkpointEvery: number;
    },
  ) {
    this.writer = writer;
    this.store = store;
    this.origin = options.origin;
    this.clock = options.clock;
    this.signer = options.signer;
    this.queueLimit = options.queueLimit;
    this.checkpointEvery = options.checkpointEvery;
  }

  async append(event: AuditEvent): Promise<{ readonly index: number }> {
    const text = canonicalJson(event);
    if (Buffer.byteLength(text) > maximumEventOctets) {
      throw new Fault('too_large', `The event is larger than the ${maximumEventOctets} octets a log takes.`);
    }
    if (this.closed) throw unwritable('it is closed');
    if (this.queue.length >= this.queueLimit)
      throw unwritable(`${this.queueLimit} entries wait for the disk`);
    if (this.problem && this.clock.monotonic() - this.problem.at < holdMilliseconds) {
      this.problem.refused += 1;
      throw unwritable(this.problem.reason);
    }
    return await new Promise((resolve, reject) => {
      this.queue.push({ event: text, time: this.clock.now(), resolve, reject });
      this.running ??= this.drain();
    });
  }

  health(): { readonly writable: boolean; readonly reason: string | null } {
    return { writable: this.problem === null && !this.closed, reason: this.problem?.reason ?? null };
  }

  checkpoint(): Promise<string> {
    const next = this.signing.catch(() => '').then(() => this.sign());
    this.signing = next;
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.checkpointTimer) clearTimeout(this.checkpointTimer);
    if (this.retryTimer) clearTimeout(this.retryTimer);
    await this.running;
    // Entries without a checkpoint stay linked and are signed over at the next opening.
    await this.checkpoint().catch(() => undefined);
  }

  private async drain(): Promise<void> {
    do {
      // Everything that is appended while this turn's sockets are read shares the write.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = this.queue.splice(0, batchLimit);
      const resumed = this.problem ? [this.resumedEntry(this.problem)] : [];
      try {
        const first = await this.writer.write([...resumed, ...batch]);
        this.problem = null;
        for (const [at, waiting] of batch.entries()) waiting.resolve({ index: first + resumed.length + at });
        this.planCheckpoint();
      } catch (error) {
        this.fail(error, [...batch, ...this.queue.splice(0)]);
      }
    } while (this.queue.length > 0);
    this.running = null;
  }

  /** The gap in the record is itself recorded, before anything else is. */
  private resumedEntry({ reason, refused }: Problem): { event: string; time: number } {
    return { event: canonicalJson({ type: 'log.resumed', reason, refused }), time: this.clock.now() };
  }

  private fail(error: unknown, refused: readonly Waiting[]): void {
    const reason = errorText(error);
    const lost = (this.problem?.refused ?? 0) + refused.length;
    this.problem = { reason, at: this.clock.monotonic(), refused: lost };
    for (const waiting of refused) waiting.reject(unwritable(reason, error));
    if (this.closed || this.retryTimer) return;
    // A gateway that says it is not ready gets no calls, so recovery cannot wait for one.
    this.retryTimer = setTimeout(() => {
      this.retryTimer = null;
      if (this.problem) this.running ??= this.drain();
    }, retryMilliseconds);
    this.retryTimer.unref();
  }

  private planCheckpoint(): void {
    if (this.closed) return;
    if (this.writer.size - this.signedSize >= this.checkpointEvery) {
      this.checkpoint().catch(() => undefined);
    } else if (!this.checkpointTimer) {
      this.checkpointTimer = setTimeout(() => {
        this.checkpointTimer = null;
        this.checkpoint().catch(() => undefined);
      }, checkpointMilliseconds);
      this.checkpointTimer.unref();
    }
  }

  private async sign(): Promise<string> {
    const { size } = this.writer;
    const note = writeCheckpoint({ origin: this.origin, size, root: this.writer.root() }, this.signer);
    if (size === this.signedSize) return note;
    await this.store.keep(note);
    this.signedSize = size;
    return note;
  }
}

function unwritable(reason: string, cause?: unknown): Fault {
  return new Fault(
    'audit_unwritable',
    `The audit log cannot be written (${reason}), so nothing is let through. It is tried again by itself.`,
    { cause },
  );
}
