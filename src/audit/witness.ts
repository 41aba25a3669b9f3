import type { KeyObject } from 'node:crypto';
import { equalBytes, fromBase64, toBase64 } from '../kernel/bytes.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { type Cosigner, splitNote } from './cosignature.ts';
import { verifyConsistency } from './merkle.ts';

/** The largest checkpoint of a log that was cosigned. */
export interface WitnessedHead {
  readonly size: number;
  /** base64 */
  readonly root: string;
  /** The note with the signature of the log. */
  readonly note: string;
}

/** Port: what a witness remembers, durably. */
export interface WitnessRecords {
  latest(origin: string): Promise<WitnessedHead | null>;
  /**
   * Puts a head in the place of the one before; resolves when it is on the disk. False, and nothing was kept, when another head
   * has taken that place meanwhile.
   */
  replace(origin: string, before: WitnessedHead | null, head: WitnessedHead): Promise<boolean>;
}

/** What is answered (C2SP tlog-witness, add-checkpoint). */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly type: 'text/plain; charset=utf-8' | 'text/x.tlog.size';
  readonly body: string;
}

/** The longest proof of a tree. */
const mostHashes = 63;

/**
 * A witness: it remembers the largest head of each log that it has signed, and signs another only when the log shows that it
 * goes on from there. A log that was rewritten or cut back cannot show that, whoever holds its key.
 */
export class Witness {
  private readonly options: {
    readonly cosigner: Cosigner;
    readonly records: WitnessRecords;
    readonly clock: Clock;
    /** The keys that sign checkpoints of a log; none when it is not known. */
    readonly keysOf: (origin: string) => Promise<readonly KeyObject[]>;
  };
  /** One request after the other: to look at the last head and to keep the next is one act. */
  private running: Promise<unknown> = Promise.resolve();

  constructor(options: Witness['options']) {
    this.options = options;
  }

  get vkey(): string {
    return this.options.cosigner.vkey;
  }

  /** Answers the body of a request; it never throws for what somebody sent. */
  async addCheckpoint(body: string): Promise<WitnessAnswer> {
    const request = readRequest(body);
    if (!request) return answer(400, 'This is not a request to add a checkpoint.');
    const next = this.running.catch(() => undefined).then(() => this.judge(request));
    this.running = next;
    return await next;
  }

  private async judge({ old, proof, note, origin }: AddCheckpoint): Promise<WitnessAnswer> {
    const { records, clock, cosigner, keysOf } = this.options;
    const keys = await keysOf(origin);
    if (keys.length === 0) return answer(404, `The log ${origin} is not known here.`);
    const signed = checkpointOf(note, keys);
    if (!signed) return answer(403, 'The checkpoint is not signed by the key of its log.');
    const { checkpoint, logNote, signedBody } = signed;
    if (old > checkpoint.size) return answer(400, 'The old size is larger than the checkpoint.');
    const latest = await records.latest(origin);
    if (old !== (latest?.size ?? 0)) return sizeAnswer(latest);
    if (latest && latest.size === checkpoint.size && latest.root !== toBase64(checkpoint.root)) {
      return answer(409, 'Another root of this size was signed.');
    }
    if (!goesOn(latest, checkpoint, proof)) {
      return answer(422, 'The proof does not show that the log goes on from the old size.');
    }
    const head = { size: checkpoint.size, root: toBase64(checkpoint.root), note: logNote };
    if (!(await records.replace(origin, latest, head))) return sizeAnswer(await records.latest(origin));
    return answer(200, cosigner.cosign(signedBody, clock.now()));
  }
}

/** The size that the next request has to go on from. */
function sizeAnswer(latest: WitnessedHead | null): WitnessAnswer {
  return { status: 409, type: 'text/x.tlog.size', body: `${latest?.size ?? 0}\n` };
}

interface AddCheckpoint {
  readonly old: number;
  readonly proof: readonly Uint8Array[];
  readonly note: string;
  readonly origin: string;
}

function readRequest(body: string): AddCheckpoint | null {
  const end = body.indexOf('\n\n');
  const [, old = '', hashes = ''] =
    /^old (0|[1-9]\d{0,14})\n((?:[A-Za-z0-9+/=]+\n)*)$/.exec(body.slice(0, end + 1)) ?? [];
  const note = body.slice(end + 2);
  const [origin = ''] = note.split('\n', 1);
  const lines = hashes.split('\n').filter(Boolean);
  const proof = lines.map(fromBase64).filter((hash) => hash?.length === 32) as Uint8Array[];
  if (old === '' || origin === '' || lines.length > mostHashes || proof.length !== lines.length) return null;
  return { old: Number(old), proof, note, origin };
}

/** The checkpoint by the first signature that one of the keys has made; those of others are ignored. */
function checkpointOf(
  note: string,
  keys: readonly KeyObject[],
): { readonly checkpoint: Checkpoint; readonly logNote: string; readonly signedBody: string } | null {
  try {
    const { body, signatures } = splitNote(note);
    for (const line of signatures) {
      const logNote = `${body}\n${line}\n`;
      for (const key of keys) {
        const checkpoint = readOr(logNote, key);
        if (checkpoint) return { checkpoint, logNote, signedBody: body };
      }
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
  return null;
}

function readOr(note: string, key: KeyObject): Checkpoint | null {
  try {
    return readCheckpoint(note, key);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

function goesOn(latest: WitnessedHead | null, checkpoint: Checkpoint, proof: readonly Uint8Array[]): boolean {
  if (!latest) return proof.length === 0;
  const root = fromBase64(latest.root);
  if (!root) return false;
  if (latest.size === 0 || latest.size === checkpoint.size) {
    return proof.length === 0 && (latest.size === 0 || equalBytes(root, checkpoint.root));
  }
  return verifyConsistency({ size: latest.size, root }, checkpoint, proof);
}

function answer(status: WitnessAnswer['status'], text: string): WitnessAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: text.endsWith('\n') ? text : `${text}\n` };
}
