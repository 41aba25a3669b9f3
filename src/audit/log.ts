import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../kernel/canonical-json.ts';
import type { Clock } from '../kernel/clock.ts';
import { writeDurably } from '../kernel/durable-file.ts';
import { Fault } from '../kernel/fault.ts';
import { type CheckpointSigner, writeCheckpoint } from './checkpoint.ts';
import { type Disk, systemDisk } from './disk.ts';
import type { AuditEvent } from './events.ts';
import { lockLog } from './log-lock.ts';
import { SegmentWriter } from './segment-writer.ts';
import { recoverLog } from './recover-log.ts';
import { logFiles } from './segment.ts';

export type { CheckpointSigner } from './checkpoint.ts';
export type { AuditEvent } from './events.ts';

/** The tamper-evident log: entries are linked by hash, and a Merkle tree over them is signed at checkpoints. */
export interface AuditLog extends AsyncDisposable {
  readonly origin: string;
  /** Resolves with the entry's index when it is durable. Rejects with Fault `audit_unwritable`; then nothing was kept. */
  append(event: AuditEvent): Promise<{ readonly index: number }>;
  health(): { readonly writable: boolean; readonly reason: string | null };
  /** Signs the present state, stores it as the newest checkpoint, and returns the signed note. */
  checkpoint(): Promise<string>;
}

interface Waiting {
  readonly event: string;
  readonly time: number;
  readonly resolve: (kept: { readonly index: number }) => void;
  readonly reject: (fault: Fault) => void;
}

/** How long a failed write keeps refusing before the disk is tried again, in milliseconds. */
const retryMilliseconds = 100;
/** How long an entry may stand without a checkpoint over it, in milliseconds. */
const checkpointMilliseconds = 1_000;
/** The most entries that one write takes. */
const batchLimit = 1_024;

/**
 * Opens a log for writing, or begins one. Throws Fault `audit_broken` when what is there does not verify,
 * `state_locked` when another process writes it, `audit_unwritable` when the folder cannot be written.
 */
export async function openAuditLog(options: {
  readonly folder: string;
  readonly origin: string;
  readonly clock: Clock;
  readonly signer: CheckpointSigner;
  /** Entries per file. */
  readonly segmentEntries?: number;
  /** Entries between checkpoints, at the most. */
  readonly checkpointEvery?: number;
  /** How many entries may wait for the disk. */
  readonly queueLimit?: number;
  readonly disk?: Disk;
}): Promise<AuditLog> {
  const { folder, origin, signer, clock } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await using opened = new AsyncDisposableStack();
  opened.use(await lockLog(join(folder, logFiles.lock)));
  const end = await recoverLog(folder, origin);
  await writeDurably(join(folder, logFiles.origin), `${origin}\n`, 0o644);
  await writeDurably(
    join(folder, logFiles.publicKey),
    signer.publicKey.export({ type: 'spki', format: 'pem' }),
    0o644,
  );
  const disk = options.disk ?? systemDisk;
  const writer = opened.use(new SegmentWriter(folder, end, disk, options.segmentEntries ?? 100_000));
  const log = new GroupCommitLog(writer, {
    ...options,
    queueLimit: options.queueLimit ?? 10_000,
    checkpointEvery: options.checkpointEvery ?? 10_000,
  });
  if (end.removed > 0) await log.append({ type: 'log.recovered', removedOctets: end.removed });
  await log.append({ type: 'log.opened', origin, time: clock.now() });
  const held = opened.move();
  log.onClose(() => held.disposeAsync());
  return log;
}

/** One write and one fdatasync for all entries that came while the last one was under way. */
class GroupCommitLog implements AuditLog {
  readonly origin: string;
  private readonly writer: SegmentWriter;
  private readonly options: {
    readonly folder: string;
    readonly clock: Clock;
    readonly signer: CheckpointSigner;
    readonly queueLimit: number;
    readonly checkpointEvery: number;
  };
  private queue: Waiting[] = [];
  private running: Promise<void> | null = null;
  private signing: Promise<string>;
  private signedSize = 0;
  private timer: NodeJS.Timeout | null = null;
  private problem: { readonly reason: string; readonly at: number } | null = null;
  private closed = false;
  private release: () => Promise<void> = () => Promise.resolve();

  constructor(writer: SegmentWriter, options: GroupCommitLog['options'] & { readonly origin: string }) {
    this.writer = writer;
    this.options = options;
    this.origin = options.origin;
    this.signing = Promise.resolve('');
  }

  onClose(release: () => Promise<void>): void {
    this.release = release;
  }

  append(event: AuditEvent): Promise<{ readonly index: number }> {
    const { clock, queueLimit } = this.options;
    if (this.closed) return Promise.reject(unwritable('it is closed'));
    if (this.queue.length >= queueLimit)
      return Promise.reject(unwritable(`${queueLimit} entries wait for the disk`));
    if (this.problem && clock.monotonic() - this.problem.at < retryMilliseconds) {
      return Promise.reject(unwritable(this.problem.reason));
    }
    const text = canonicalJson(event);
    return new Promise((resolve, reject) => {
      this.queue.push({ event: text, time: clock.now(), resolve, reject });
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
    if (this.timer) clearTimeout(this.timer);
    await this.running;
    // Entries without a checkpoint stay linked and are signed over at the next opening.
    await this.checkpoint().catch(() => undefined);
    await this.release();
  }

  private async drain(): Promise<void> {
    // A turn of the event loop lets everything that arrived with this entry share its write.
    await Promise.resolve();
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, batchLimit);
      try {
        const first = await this.writer.write(batch);
        this.problem = null;
        for (const [at, waiting] of batch.entries()) waiting.resolve({ index: first + at });
        this.planCheckpoint();
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.problem = { reason, at: this.options.clock.monotonic() };
        const refused = [...batch, ...this.queue.splice(0)];
        for (const waiting of refused) waiting.reject(unwritable(reason, error));
      }
    }
    this.running = null;
  }

  private planCheckpoint(): void {
    if (this.closed) return;
    if (this.writer.size - this.signedSize >= this.options.checkpointEvery) {
      this.checkpoint().catch(() => undefined);
    } else if (!this.timer) {
      this.timer = setTimeout(() => {
        this.timer = null;
        this.checkpoint().catch(() => undefined);
      }, checkpointMilliseconds);
      this.timer.unref();
    }
  }

  private async sign(): Promise<string> {
    const { folder, signer } = this.options;
    const { size } = this.writer;
    const note = writeCheckpoint({ origin: this.origin, size, root: this.writer.root() }, signer);
    if (size === this.signedSize) return note;
    this.signedSize = size;
    await writeDurably(join(folder, logFiles.checkpoint), note, 0o644);
    await appendFile(join(folder, logFiles.history), `${note}\n`, { mode: 0o644 });
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
