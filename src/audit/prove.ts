import type { KeyObject } from 'node:crypto';
import { fromBase64, toBase64 } from '../kernel/bytes.ts';
import { isJsonObject, type Json } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { type Entry, leafHash, readEntry } from './entry.ts';
import { folderKey } from './log-folder.ts';
import { Frontier, siblingRanges, verifyInclusion } from './merkle.ts';
import { leavesFrom } from './placed-leaves.ts';
import { removedText } from './removed.ts';
import { newestNote } from './stored-checkpoints.ts';

/** Shows that one entry is in the log that a checkpoint signs, without the rest of the log. */
export interface EntryProof {
  readonly index: number;
  /** The line of the entry as it stands in the log. */
  readonly entry: string;
  /** The signed note. */
  readonly checkpoint: string;
  /** The audit path from the leaf up (RFC 6962 §2.1.1), base64. */
  readonly path: readonly string[];
}

/**
 * Proves an entry under the newest checkpoint of a log. Throws Fault `not_found` when there is no such entry or no
 * checkpoint covers it yet, `audit_broken` when the log does not give the root that the checkpoint signs.
 */
export async function proveEntry(folder: string, index: number): Promise<EntryProof> {
  const note = await newestNote(folder);
  const publicKey = await folderKey(folder);
  const size = note === null ? 0 : readCheckpoint(note, publicKey).size;
  if (note === null || index >= size || index < 0) {
    throw new Fault(
      'not_found',
      `No checkpoint of ${folder} covers entry ${index}; ${size} entries are covered.`,
    );
  }
  const ranges = siblingRanges(index, size).map((range) => ({ ...range, tree: new Frontier() }));
  let entry: string | null = null;
  let at = 0;
  for await (const { leaf, line } of leavesFrom(folder, null)) {
    if (at === size) break;
    if (at === index && line === null) throw new Fault('not_found', removedText(index));
    if (at === index) entry = line;
    else ranges.find(({ from, to }) => at >= from && at < to)?.tree.append(leaf);
    at += 1;
  }
  if (at < size) {
    throw new Fault('audit_broken', `Entry ${at} is not in the log. Run: countersign audit verify ${folder}`);
  }
  const path = ranges.map(({ tree }) => toBase64(tree.root()));
  const proof = { index, entry: entry ?? '', checkpoint: note, path };
  verifyProof(proof, publicKey);
  return proof;
}

/** What a proof that holds has shown. */
export interface ProvenEntry {
  readonly entry: Entry;
  readonly checkpoint: Checkpoint;
}

/** Checks a proof with the key of the log and nothing else. Throws Fault `audit_broken` when it does not hold. */
export function verifyProof(proof: EntryProof, publicKey: KeyObject): ProvenEntry {
  const checkpoint = readCheckpoint(proof.checkpoint, publicKey);
  const entry = readEntry(proof.entry);
  const path = proof.path.map(fromBase64).filter((hash) => hash?.length === 32) as Uint8Array[];
  const claim = { index: proof.index, size: checkpoint.size, path };
  const whole = path.length === proof.path.length && entry.index === proof.index;
  if (!whole || !verifyInclusion(claim, leafHash(proof.entry), checkpoint.root)) {
    throw new Fault('audit_broken', `The proof does not show that entry ${proof.index} is in the log.`);
  }
  return { entry, checkpoint };
}

/** Reads a proof that was stored as JSON. Throws Fault `invalid_input`. */
export function readProof(value: Json): EntryProof {
  const { index, entry, checkpoint, path } = isJsonObject(value) ? value : {};
  const hashes = Array.isArray(path) ? path.filter((hash) => typeof hash === 'string') : [];
  if (
    !Number.isSafeInteger(index) ||
    typeof entry !== 'string' ||
    typeof checkpoint !== 'string' ||
    !Array.isArray(path) ||
    hashes.length !== path.length
  ) {
    throw new Fault('invalid_input', 'A proof has the members index, entry, checkpoint and path.');
  }
  return { index: Number(index), entry, checkpoint, path: hashes };
}
