import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes, toBase64 } from '../kernel/bytes.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import { readHistory, type SignedCheckpoint } from './checkpoint-history.ts';
import { readCheckpoint } from './checkpoint.ts';
import { genesis, leafHash, linkOf, readEntry } from './entry.ts';
import { Frontier } from './merkle.ts';
import { readLines } from './read-lines.ts';
import { listSegments, logFiles } from './segment.ts';

/** The first thing about a log that does not hold. */
export interface Break {
  /** The entry concerned: the first that is changed, missing or not covered. */
  readonly index: number;
  readonly file: string;
  /** Line in the file, from 1; 0 when it is about no single line. */
  readonly line: number;
  readonly reason: string;
}

/** What verification found. */
export interface Verification {
  readonly ok: boolean;
  readonly origin: string;
  /** Whole entries that were read and hold. */
  readonly entries: number;
  /** Merkle root over them, base64. */
  readonly root: string;
  /** How many checkpoints verified. */
  readonly checkpoints: number;
  /** How many entries the newest of them covers. */
  readonly covered: number;
  /** Octets of an entry at the very end that is not whole: a crash, or a writer at work. */
  readonly unfinished: number;
  /** `folder`: the key was the log's own, which somebody who can rewrite the folder can replace as well. */
  readonly keyFrom: 'given' | 'folder';
  readonly firstBroken: Break | null;
}

/**
 * Verifies a log from its files alone, sharing nothing with the writer but the format: canonical lines, consecutive
 * indexes, hash links, segment names, and the Merkle root of every signed checkpoint. `known` are signed notes kept
 * elsewhere: they show a log that was cut back together with its own checkpoints.
 * Throws Fault `not_found` when the folder holds no log.
 */
export async function verifyAuditLog(
  folder: string,
  options: { readonly publicKey?: KeyObject; readonly known?: readonly string[] } = {},
): Promise<Verification> {
  const origin = (await required(folder, logFiles.origin)).trimEnd();
  const key = options.publicKey ?? createPublicKey(await required(folder, logFiles.publicKey));
  const progress: Progress = {
    size: 0,
    link: genesis(origin),
    tree: new Frontier(),
    covered: 0,
    passed: 0,
    unfinished: 0,
  };
  const firstBroken = await findBreak(folder, origin, key, options.known ?? [], progress);
  return {
    ok: firstBroken === null,
    origin,
    entries: progress.size,
    root: toBase64(progress.tree.root()),
    checkpoints: progress.passed,
    covered: progress.covered,
    unfinished: progress.unfinished,
    keyFrom: options.publicKey ? 'given' : 'folder',
    firstBroken,
  };
}

interface Progress {
  size: number;
  link: string;
  readonly tree: Frontier;
  covered: number;
  passed: number;
  unfinished: number;
}

async function findBreak(
  folder: string,
  origin: string,
  key: KeyObject,
  known: readonly string[],
  progress: Progress,
): Promise<Break | null> {
  let checkpoints: SignedCheckpoint[];
  try {
    const given = known.map((note) => ({ ...readCheckpoint(note, key), note }));
    checkpoints = [...(await readHistory(folder, key)), ...given].sort((a, b) => a.size - b.size);
  } catch (error) {
    return { index: 0, file: logFiles.history, line: 0, reason: toFault(error).message };
  }
  const foreign = checkpoints.find((checkpoint) => checkpoint.origin !== origin);
  if (foreign) {
    const reason = `a checkpoint is of the log ${foreign.origin}, not of ${origin}`;
    return { index: 0, file: logFiles.history, line: 0, reason };
  }
  const waiting = checkpoints[Symbol.iterator]();
  const cursor = { next: waiting.next().value as SignedCheckpoint | undefined, waiting };
  const empty = checkTree(cursor, progress);
  if (empty) return empty;
  const segments = await listSegments(folder);
  for (const segment of segments) {
    const broken = await readSegment(folder, segment, segment === segments.at(-1), cursor, progress);
    if (broken) return broken;
  }
  if (!cursor.next) return null;
  return {
    index: progress.size,
    file: segments.at(-1)?.name ?? logFiles.history,
    line: 0,
    reason: `the log ends before entry ${cursor.next.size - 1}, which a signed checkpoint covers`,
  };
}

interface Cursor {
  next: SignedCheckpoint | undefined;
  readonly waiting: Iterator<SignedCheckpoint>;
}

async function readSegment(
  folder: string,
  segment: { readonly name: string; readonly first: number },
  last: boolean,
  cursor: Cursor,
  progress: Progress,
): Promise<Break | null> {
  const file = segment.name;
  let line = 0;
  const at = (reason: string): Break => ({ index: progress.size, file, line, reason });
  if (segment.first !== progress.size) return at(`the file before it ends at entry ${progress.size - 1}`);
  try {
    for await (const { text, whole } of readLines(join(folder, file))) {
      line += 1;
      if (!whole) {
        if (!last) return at('the line is cut off in the middle of the log');
        progress.unfinished = Buffer.byteLength(text);
        return null;
      }
      const entry = readEntry(text);
      if (entry.index !== progress.size)
        return at(`its index is ${entry.index}; it should be ${progress.size}`);
      if (entry.previous !== progress.link) return at('it is not linked to the entry before it');
      progress.link = linkOf(text);
      progress.tree.append(leafHash(text));
      progress.size += 1;
      const broken = checkTree(cursor, progress);
      if (broken) return { ...broken, file };
    }
  } catch (error) {
    if (error instanceof Fault) return at(error.message);
    throw error;
  }
  return null;
}

/** Holds the tree against every checkpoint of its present size. */
function checkTree(cursor: Cursor, progress: Progress): Break | null {
  while (cursor.next && cursor.next.size <= progress.size) {
    if (!equalBytes(cursor.next.root, progress.tree.root())) {
      return {
        index: progress.covered,
        file: logFiles.history,
        line: 0,
        reason: `entries ${progress.covered} to ${cursor.next.size - 1} are not those that were signed`,
      };
    }
    progress.covered = cursor.next.size;
    progress.passed += 1;
    cursor.next = cursor.waiting.next().value as SignedCheckpoint | undefined;
  }
  return null;
}

async function required(folder: string, name: string): Promise<string> {
  return await readFile(join(folder, name), 'utf8').catch((cause: unknown) => {
    throw new Fault('not_found', `${folder} holds no audit log: ${name} cannot be read.`, { cause });
  });
}
