import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { concat, equalBytes, fromBase64, sha256, toBase64, utf8 } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';

/** Signs checkpoints as C2SP signed notes with Ed25519. */
export interface CheckpointSigner {
  readonly name: string;
  /** The first four octets of the key's hash, as signed-note defines it. */
  readonly keyId: Uint8Array;
  readonly publicKey: KeyObject;
  sign(message: Uint8Array): Uint8Array;
}

/** The state of a log at one size (C2SP tlog-checkpoint). */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** A signer over an Ed25519 private key. Throws TypeError for another key. */
export function checkpointSigner(name: string, key: KeyObject): CheckpointSigner {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('checkpoints are signed with Ed25519');
  const publicKey = createPublicKey(key);
  return {
    name,
    keyId: noteKeyId(name, publicKey),
    publicKey,
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

/** C2SP signed-note: SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), the first four octets. */
export function noteKeyId(name: string, publicKey: KeyObject): Uint8Array {
  const raw = publicKey.export({ format: 'jwk' }).x;
  const octets = new Uint8Array(Buffer.from(raw ?? '', 'base64url'));
  return sha256(concat([utf8(name), new Uint8Array([0x0a, 0x01]), octets])).subarray(0, 4);
}

/** The signed note of a checkpoint. */
export function writeCheckpoint(checkpoint: Checkpoint, signer: CheckpointSigner): string {
  const body = `${checkpoint.origin}\n${checkpoint.size}\n${toBase64(checkpoint.root)}\n`;
  const signature = toBase64(concat([signer.keyId, signer.sign(utf8(body))]));
  return `${body}\n— ${signer.name} ${signature}\n`;
}

/** How many entries a note says that it covers, before anything of it was verified. Throws Fault `invalid_input`. */
export function statedSize(note: string): number {
  const [, size] = /^[^\n]+\n(0|[1-9]\d{0,14})\n/.exec(note) ?? [];
  if (size === undefined) throw new Fault('invalid_input', 'This is not a checkpoint of a log.');
  return Number(size);
}

/** Reads a note and verifies its signature under the key. Throws Fault `audit_broken`. */
export function readCheckpoint(note: string, publicKey: KeyObject): Checkpoint {
  const match = /^(([^\n]+)\n(0|[1-9]\d{0,15})\n([^\n]+)\n)\n— ([^\s+]+) ([A-Za-z0-9+/=]+)\n$/.exec(note);
  const [, body = '', origin = '', size = '', rootText = '', name = '', signatureText = ''] = match ?? [];
  const root = fromBase64(rootText);
  const signed = fromBase64(signatureText);
  if (!match || root?.length !== 32 || signed?.length !== 68) {
    throw new Fault('audit_broken', 'The checkpoint is not a signed note of a log.');
  }
  const keyFits = equalBytes(signed.subarray(0, 4), noteKeyId(name, publicKey));
  if (!keyFits || !verify(null, utf8(body), publicKey, signed.subarray(4))) {
    throw new Fault('audit_broken', 'The signature of the checkpoint is not by the key of this log.');
  }
  return { origin, size: Number(size), root };
}
