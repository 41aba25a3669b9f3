import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64, toBase64 } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { readHistory } from './checkpoint-history.ts';
import { readCheckpoint } from './checkpoint.ts';
import { type Entry, leafHash, readEntry } from './entry.ts';
import { inclusionPath, verifyInclusion } from './merkle.ts';
import { readLines } from './read-lines.ts';
import { listSegments, logFiles } from './segment.ts';

/** All that somebody needs who has the log's public key and not the log. */
export interface EntryProof {
  readonly format: 'countersign-audit-proof-1';
  /** The entry's line. */
  readonly line: string;
  readonly index: number;
  /** The audit path from the leaf up, base64 (RFC 6962 §2.1.1). */
  readonly path: readonly string[];
  /** The signed checkpoint that the path leads to. */
  readonly checkpoint: string;
}

/**
 * Proves one entry against the newest checkpoint of its log. Throws Fault `not_found` when there is no such entry or
 * no checkpoint covers it yet.
 */
export async function proveEntry(folder: string, index: number): Promise<EntryProof> {
  const key = createPublicKey(await readFile(join(folder, logFiles.publicKey)));
  const newest = (await readHistory(folder, key)).at(-1);
  if (!newest || index < 0 || index >= newest.size) {
    throw new Fault(
      'not_found',
      `No checkpoint covers entry ${index}; the newest covers ${newest?.size ?? 0} entries.`,
    );
  }
  const leaves: Uint8Array[] = [];
  let wanted = '';
  for (const segment of await listSegments(folder)) {
    for await (const { text, whole } of readLines(join(folder, segment.name))) {
      if (!whole || leaves.length >= newest.size) break;
      if (leaves.length === index) wanted = text;
      leaves.push(leafHash(text));
    }
  }
  const proof: EntryProof = {
    format: 'countersign-audit-proof-1',
    line: wanted,
    index,
    path: inclusionPath(index, leaves).map(toBase64),
    checkpoint: newest.note,
  };
  verifyProof(proof, key);
  return proof;
}

/** Verifies a proof under the log's public key and gives the entry. Throws Fault `audit_broken`. */
export function verifyProof(proof: EntryProof, publicKey: KeyObject): Entry {
  const { size, root } = readCheckpoint(proof.checkpoint, publicKey);
  const path = proof.path.map((text) => fromBase64(text));
  const whole = path.filter((hash): hash is Uint8Array => hash?.length === 32);
  const entry = readEntry(proof.line);
  const holds =
    whole.length === path.length &&
    entry.index === proof.index &&
    verifyInclusion({ index: proof.index, size, path: whole }, leafHash(proof.line), root);
  if (!holds) {
    throw new Fault('audit_broken', 'The proof does not lead from the entry to the signed checkpoint.');
  }
  return entry;
}
