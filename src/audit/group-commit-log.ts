import { canonicalJson } from '../kernel/canonical-json.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import type { AuditLog } from './audit-log.ts';
import { type CheckpointSigner, writeCheckpoint } from './checkpoint.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import { maximumEventOctets } from './entry.ts';
import { type AuditEvent, canonicalText } from './events.ts';
import type { SegmentWriter } from './segment-writer.ts';

interface Queued {
  readonly event: string;
  readonly time: number;
  /** Null when nobody waits for the entry. */
  readonly waiting: PromiseWithResolvers<{ readonly index: number }> | null;
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
export const defaultCheckpointMilliseconds = 1_000;
/** The most entries that one write takes. */
const batchLimit = 1_024;
/** How long a write waits for more entries while each turn of the event loop brings some, in milliseconds. */
const gatherMilliseconds = 2;
/** How long an entry that nobody waits for may wait for one to be written with, in milliseconds. */
const noteMilliseconds = 50;

/** One write and one fdatasync for all entries that came while the last one was under way. */
export class GroupCommitLog implements AuditLog {
  readonly origin: string;
  private readonly writer: SegmentWriter;
  private readonly store: CheckpointStore;
  private readonly clock: Clock;
  private readonly signer: CheckpointSigner;
  private readonly queueLimit: number;
  private readonly checkpointEvery: number;
  private readonly checkpointMilliseconds: number;
  private waiting: Queued[] = [];
  private running: Promise<void> | null = null;
  private signing: Promise<string> = Promise.resolve('');
  private signedSize = 0;
  private checkpointTimer: NodeJS.Timeout | null = null;
  private retryTimer: NodeJS.Timeout | null = null;
  private noteTimer: NodeJS.Timeout | null = null;
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
      readonly checkpointMilliseconds: number;
    },
  ) {
    this.writer = writer;
    this.store = store;
    this.origin = options.origin;
    this.clock = options.clock;
    this.signer = options.signer;
    this.queueLimit = options.queueLimit;
    this.checkpointEvery = options.checkpointEvery;
    this.checkpointMilliseconds = options.checkpointMilliseconds;
  }

  append(event: AuditEvent): Promise<{ readonly index: number }> {
    const waiting = Promise.withResolvers<{ readonly index: number }>();
    try {
      const text = eventText(event);
      const reason = this.refusal();
      if (reason !== null) throw this.refused(reason);
      this.waiting.push({ event: text, time: this.clock.now(), waiting });
      this.running ??= this.drain();
    } catch (error) {
      waiting.reject(error);
    }
    return waiting.promise;
  }

  queue(event: AuditEvent): void {
    const text = eventText(event);
    const reason = this.problem?.reason ?? this.refusal();
    if (reason !== null) throw this.refused(reason);
    this.take(text);
  }

  note(event: AuditEvent): void {
    const text = eventText(event);
    const reason = this.refusal();
    if (reason !== null) {
      this.problem ??= { reason, at: this.clock.monotonic(), refused: 0 };
      this.problem.refused += 1;
      return;
    }
    this.take(text);
  }

  /** Takes an entry that nobody waits for. */
  private take(event: string): void {
    this.waiting.push({ event, time: this.clock.now(), waiting: null });
    if (this.running) return;
    if (this.waiting.length >= batchLimit) this.running = this.drain();
    else this.planNotes();
  }

  private refused(reason: string): Fault {
    if (this.problem) this.problem.refused += 1;
    return unwritable(reason);
  }

  health(): ReturnType<AuditLog['health']> {
    const { problem, waiting, closed } = this;
    return {
      writable: problem === null && !closed,
      reason: problem?.reason ?? null,
      waiting: waiting.length,
    };
  }

  checkpoint(): Promise<string> {
    const next = this.signing
      .catch(() => '')
      .then(() => this.settle())
      .then(() => this.sign());
    this.signing = next;
    return next;
  }

  /** Waits until the entries taken so far are written, also those that nothing waits for, or refused. */
  private async settle(): Promise<void> {
    const last = this.waiting.pop();
    if (!last) return;
    const waiting = last.waiting ?? Promise.withResolvers<{ readonly index: number }>();
    this.waiting.push({ ...last, waiting });
    this.running ??= this.drain();
    await waiting.promise.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.checkpointTimer) clearTimeout(this.checkpointTimer);
    if (this.retryTimer) clearTimeout(this.retryTimer);
    if (this.noteTimer) clearTimeout(this.noteTimer);
    if (this.waiting.length > 0) this.running ??= this.drain();
    await this.running;
    // Entries without a checkpoint stay linked and are signed over at the next opening.
    await this.checkpoint().catch(() => undefined);
  }

  /** Why an entry cannot be taken now, or null. */
  private refusal(): string | null {
    if (this.closed) return 'it is closed';
    if (this.waiting.length >= this.queueLimit) return `${this.queueLimit} entries wait for the disk`;
    if (!this.problem || this.clock.monotonic() - this.problem.at >= holdMilliseconds) return null;
    return this.problem.reason;
  }

  private async drain(): Promise<void> {
    do {
      await this.gather();
      const batch = this.waiting.splice(0, batchLimit);
      const told = this.problem;
      const resumed = told ? [this.resumedEntry(told)] : [];
      const counted = told?.refused ?? 0;
      try {
        const first = await this.writer.write([...resumed, ...batch]);
        // What was refused while the disk was writing is told with the next entries.
        const since = this.problem ? this.problem.refused - counted : 0;
        if (this.problem && since > 0)
          this.waiting.push(this.resumedEntry({ ...this.problem, refused: since }));
        this.problem = null;
        let index = first + resumed.length;
        for (const { waiting } of batch) {
          waiting?.resolve({ index });
          index += 1;
        }
        this.planCheckpoint();
      } catch (error) {
        this.fail(error, [...batch, ...this.waiting.splice(0)]);
      }
    } while (
      this.waiting.some(({ waiting }) => waiting !== null) ||
      (this.closed && this.waiting.length > 0)
    );
    this.running = null;
    if (this.waiting.length > 0) this.planNotes();
  }

  /**
   * Lets entries come together that come at the same time: as long as each turn of the event loop brings some, the
   * write waits for the next, because an fdatasync costs as much as several calls.
   */
  private async gather(): Promise<void> {
    const began = this.clock.monotonic();
    for (let had = -1; had < this.waiting.length && this.waiting.length < batchLimit; ) {
      had = this.waiting.length;
      await new Promise((resolve) => setImmediate(resolve));
      if (this.closed || this.clock.monotonic() - began >= gatherMilliseconds) return;
    }
  }

  /** The gap in the record is itself recorded, before anything else is. */
  private resumedEntry({ reason, refused }: Problem): Queued {
    const event = canonicalJson({ type: 'log.resumed', reason, refused });
    return { event, time: this.clock.now(), waiting: null };
  }

  private fail(error: unknown, refused: readonly Queued[]): void {
    const reason = errorText(error);
    const lost = (this.problem?.refused ?? 0) + refused.length;
    this.problem = { reason, at: this.clock.monotonic(), refused: lost };
    for (const { waiting } of refused) waiting?.reject(unwritable(reason, error));
    if (this.closed || this.retryTimer) return;
    // A gateway that says it is not ready gets no calls, so recovery cannot wait for one.
    this.retryTimer = setTimeout(() => {
      this.retryTimer = null;
      if (this.problem) this.running ??= this.drain();
    }, retryMilliseconds);
    this.retryTimer.unref();
  }

  private planNotes(): void {
    this.noteTimer ??= setTimeout(() => {
      this.noteTimer = null;
      if (this.waiting.length > 0) this.running ??= this.drain();
    }, noteMilliseconds).unref();
  }

  private planCheckpoint(): void {
    if (this.closed) return;
    if (this.writer.size - this.signedSize >= this.checkpointEvery) {
      this.checkpoint().catch(() => undefined);
    } else if (!this.checkpointTimer) {
      this.checkpointTimer = setTimeout(() => {
        this.checkpointTimer = null;
        this.checkpoint().catch(() => undefined);
      }, this.checkpointMilliseconds);
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

/** Throws Fault `too_large`. */
function eventText(event: AuditEvent): string {
  const text = event[canonicalText] ?? canonicalJson(event);
  // UTF-8 takes at most three octets for a UTF-16 unit.
  if (text.length * 3 > maximumEventOctets && Buffer.byteLength(text) > maximumEventOctets) {
    throw new Fault('too_large', `The event is larger than the ${maximumEventOctets} octets a log takes.`);
  }
  return text;
}

function unwritable(reason: string, cause?: unknown): Fault {
  return new Fault(
    'audit_unwritable',
    `The audit log cannot be written (${reason}), so nothing is let through. It is tried again by itself.`,
    { cause },
  );
}
