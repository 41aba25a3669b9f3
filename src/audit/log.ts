import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import { writeDurably } from '../kernel/durable-file.ts';
import type { AuditLog } from './audit-log.ts';
import type { Checkpoint, CheckpointSigner } from './checkpoint.ts';
import { CheckpointStore } from './checkpoint-store.ts';
import { type Disk, systemDisk } from './disk.ts';
import { defaultCheckpointMilliseconds, GroupCommitLog } from './group-commit-log.ts';
import { lockLog } from './log-lock.ts';
import { recoverLog } from './recover-log.ts';
import { logFiles } from './segment.ts';
import { SegmentWriter } from './segment-writer.ts';
import { newestNote, readCheckpointOf } from './stored-checkpoints.ts';

export type { AuditLog, CallLog } from './audit-log.ts';
export type { CheckpointSigner } from './checkpoint.ts';
export type { AuditEvent } from './events.ts';

/**
 * Opens a log for writing, or begins one. Throws Fault `audit_broken` when what is there does not verify or was signed
 * by another key, `state_locked` when another process writes it, `audit_unwritable` when nothing can be written.
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
  /** How long an entry waits for a checkpoint, at the most; a second unless given. */
  readonly checkpointMilliseconds?: number;
  /** How many entries may wait for the disk. */
  readonly queueLimit?: number;
  readonly disk?: Disk;
}): Promise<AuditLog> {
  const { folder, origin, signer, clock } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await using opened = new AsyncDisposableStack();
  opened.use(await lockLog(join(folder, logFiles.lock)));
  const end = await recoverLog(folder, origin, await newestCheckpoint(folder, origin, signer));
  await writeDurably(join(folder, logFiles.origin), `${origin}\n`, 0o644);
  const publicKey = signer.publicKey.export({ type: 'spki', format: 'pem' });
  await writeDurably(join(folder, logFiles.publicKey), publicKey, 0o644);
  const disk = options.disk ?? systemDisk;
  const writer = opened.use(new SegmentWriter(folder, end, disk, options.segmentEntries ?? 100_000));
  const log = new GroupCommitLog(writer, new CheckpointStore(folder), {
    origin,
    clock,
    signer,
    queueLimit: options.queueLimit ?? 10_000,
    checkpointEvery: options.checkpointEvery ?? 10_000,
    checkpointMilliseconds: options.checkpointMilliseconds ?? defaultCheckpointMilliseconds,
  });
  // Closes the log before the files below it when one of the first entries cannot be written.
  opened.use(log);
  if (end.removed > 0) await log.append({ type: 'log.recovered', removedOctets: end.removed });
  await log.append({ type: 'log.opened', origin });
  const held = opened.move();
  return {
    origin,
    append: (event) => log.append(event),
    note: (event) => log.note(event),
    queue: (event) => log.queue(event),
    health: () => log.health(),
    checkpoint: () => log.checkpoint(),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function newestCheckpoint(
  folder: string,
  origin: string,
  signer: CheckpointSigner,
): Promise<Checkpoint | null> {
  const note = await newestNote(folder);
  return note === null ? null : readCheckpointOf(note, origin, signer.publicKey);
}
