import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { WitnessKey } from './cosignature.ts';
import { folderKey, originOf, segmentsOf } from './log-folder.ts';
import { type Broken, type LogLine, LogWalk } from './log-walk.ts';
import { readLines } from './read-lines.ts';
import { removedLeaves } from './removed.ts';
import { logFiles, type Segment } from './segment.ts';
import { storedCheckpoints } from './stored-checkpoints.ts';
import { type WitnessedNote, witnessedBy, witnessedFolder } from './witnessed-notes.ts';

/** What is known of a log after reading all of it. */
export interface AuditVerification {
  readonly ok: boolean;
  /** How many entries stand in order and linked; when the log is broken, how many before the break. */
  readonly entries: number;
  /** The Merkle root over these entries, base64. */
  readonly root: string;
  readonly origin: string;
  /** How many stored checkpoints were reached, and fit. */
  readonly checkpoints: number;
  /** How many entries the largest of them covers; entries after it are linked, but not signed for yet. */
  readonly checkpointSize: number;
  /** 'folder': the key lies beside the log, and who can write the folder can replace both. */
  readonly keyFrom: 'given' | 'folder';
  /** An entry that is half written at the end, as a crash leaves it; the next opening removes it. */
  readonly torn: { readonly file: string; readonly line: number; readonly octets: number } | null;
  readonly firstBroken: Broken | null;
  /** What witnesses have signed of it, of those that were asked for. */
  readonly witnessed: readonly WitnessedNote[];
  /** How many of the entries retention has removed: of them only the hashes were read. */
  readonly removed: number;
}

export interface VerifyOptions {
  /** The key of the log, kept elsewhere; without it the key file of the folder is believed. */
  readonly publicKey?: KeyObject;
  /** The origin that the log must have; without it the folder's own is believed. */
  readonly origin?: string;
  /** Signed notes that were kept elsewhere and must fit as well: what they cover cannot have been cut off unseen. */
  readonly known?: readonly string[];
  /** Witnesses whose signature the log must have, and whose newest one must fit. */
  readonly witnesses?: readonly WitnessKey[];
}

/**
 * Reads a whole log, independently of the code that writes it: canonical lines, order, links, files, Merkle roots and
 * signatures of all stored checkpoints. Memory does not grow with the log, and a log may be written meanwhile.
 * Damage is the result, not a fault. Throws Fault `not_found` when there is no log or no key.
 */
export async function verifyAuditLog(
  folder: string,
  options: VerifyOptions = {},
): Promise<AuditVerification> {
  const publicKey = options.publicKey ?? (await folderKey(folder));
  // Checkpoints before segments: whatever they cover is in the files that are listed after.
  const stored = await storedCheckpoints(folder);
  const segments = await segmentsOf(folder);
  const origin = await originOf(folder);
  const walk = new LogWalk({ origin: options.origin ?? origin ?? '', publicKey, history: stored.history });
  let broken: Broken | null =
    origin === null
      ? { index: 0, file: logFiles.origin, line: 1, reason: 'the file with the origin of the log is missing' }
      : null;
  broken ??= stored.newest && walk.expect(stored.newest);
  for (const note of options.known ?? []) {
    broken ??= walk.expect({ note, file: 'a given checkpoint', line: 1 });
  }
  const witnessed: WitnessedNote[] = [];
  for (const witness of options.witnesses ?? []) {
    const found = await witnessedBy(folder, witness);
    if (found) {
      witnessed.push(found);
      broken ??= walk.expect({ note: found.note, file: found.file, line: 1 });
    } else {
      const reason = `no checkpoint here has the signature of the witness ${witness.name}`;
      broken ??= { index: 0, file: witnessedFolder, line: 1, reason };
    }
  }
  let removed = 0;
  for await (const { leaf, file, at } of removedLeaves(folder)) {
    broken ??= await walk.takeRemoved(leaf, { file, line: at + 1 });
    if (broken) break;
    removed += 1;
  }
  broken ??= await verifyLines(walk, linesOf(folder, segments));
  await stored.history.return(undefined);
  return {
    ok: broken === null,
    ...walk.result(broken),
    origin: options.origin ?? origin ?? '',
    keyFrom: options.publicKey ? 'given' : 'folder',
    firstBroken: broken,
    witnessed,
    removed,
  };
}

/** Follows lines to their end; returns where they break first, or null. */
export async function verifyLines(walk: LogWalk, lines: AsyncIterable<LogLine>): Promise<Broken | null> {
  for await (const [line, next] of pairs(lines)) {
    const broken = await walk.take(line, next);
    if (broken) return broken;
  }
  return await walk.end();
}

async function* linesOf(folder: string, segments: readonly Segment[]): AsyncGenerator<LogLine> {
  for (const segment of segments) {
    let empty = true;
    for await (const line of readLines(join(folder, segment.name))) {
      empty = false;
      yield { segment, line };
    }
    if (empty) yield { segment, line: null };
  }
}

/** Every item with the one after it. */
async function* pairs<T>(items: AsyncIterable<T>): AsyncGenerator<[T, T | null]> {
  let held: { readonly item: T } | null = null;
  for await (const item of items) {
    if (held) yield [held.item, item];
    held = { item };
  }
  if (held) yield [held.item, null];
}
