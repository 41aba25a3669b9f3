import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign, verify } from 'node:crypto';
import { concat, equalBytes, fromBase64, sha256, toBase64, toHex, utf8 } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';

/** Whoever signs checkpoints of logs of others (C2SP tlog-cosignature, Ed25519). */
export interface Cosigner {
  readonly name: string;
  /** The verifier key: name, key id and key (C2SP signed-note, type 4). */
  readonly vkey: string;
  /** The signature line over the body of a note, as of a time in epoch milliseconds. */
  cosign(body: string, now: number): string;
}

/** Who is believed. */
export interface WitnessKey {
  readonly name: string;
  readonly publicKey: KeyObject;
}

const cosignatureType = 0x04;

/** A cosigner over an Ed25519 private key. Throws TypeError for another key. */
export function cosigner(name: string, key: KeyObject): Cosigner {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('checkpoints are cosigned with Ed25519');
  const publicKey = createPublicKey(key);
  const id = cosignerId(name, publicKey);
  const typed = concat([new Uint8Array([cosignatureType]), rawKey(publicKey)]);
  return {
    name,
    vkey: `${name}+${toHex(id)}+${toBase64(typed)}`,
    cosign(body, now) {
      const time = Math.floor(now / 1_000);
      const signature = new Uint8Array(sign(null, cosigned(body, time), key));
      const stamp = Buffer.alloc(8);
      stamp.writeBigUInt64BE(BigInt(time));
      return `— ${name} ${toBase64(concat([id, stamp, signature]))}\n`;
    },
  };
}

/** A key of its own for cosigning, out of one that is kept anyway and signs other things. */
export function derivedCosignerKey(key: KeyObject): KeyObject {
  const seed = Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url');
  const derived = hkdfSync('sha256', seed, '', 'countersign witness v1', 32);
  // RFC 8410 §7: PrivateKeyInfo of an Ed25519 seed.
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  return createPrivateKey({
    key: Buffer.concat([prefix, Buffer.from(derived)]),
    format: 'der',
    type: 'pkcs8',
  });
}

/** Reads a verifier key of a witness. Throws Fault `invalid_input`. */
export function readWitnessKey(vkey: string): WitnessKey {
  const [, name = '', id = '', key = ''] =
    /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(vkey.trim()) ?? [];
  const octets = fromBase64(key);
  if (octets?.length === 33 && octets[0] === cosignatureType) {
    const x = Buffer.from(octets.subarray(1)).toString('base64url');
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    if (toHex(cosignerId(name, publicKey)) === id) return { name, publicKey };
  }
  throw new Fault(
    'invalid_input',
    'A key of a witness is name+hash+key, as `countersign witness` prints it.',
  );
}

/** A note in two parts: what is signed, and the signature lines. Throws Fault `invalid_input`. */
export function splitNote(note: string): { readonly body: string; readonly signatures: readonly string[] } {
  const [, body = '', lines = ''] = /^((?:[^\n]+\n)+)\n((?:— [^\s+]+ [A-Za-z0-9+/=]+\n)+)$/.exec(note) ?? [];
  if (body === '') throw new Fault('invalid_input', 'This is not a signed note.');
  return { body, signatures: lines.split('\n').filter(Boolean) };
}

/** When the witness signed this body, in epoch milliseconds; null when none of the lines is a signature of it. */
export function cosignedAt(body: string, lines: readonly string[], witness: WitnessKey): number | null {
  const id = cosignerId(witness.name, witness.publicKey);
  for (const line of lines) {
    const [, name = '', text = ''] = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
    const octets = name === witness.name ? fromBase64(text) : null;
    if (octets?.length !== 76 || !equalBytes(octets.subarray(0, 4), id)) continue;
    const time = Buffer.from(octets.subarray(4, 12)).readBigUInt64BE();
    if (time > BigInt(Number.MAX_SAFE_INTEGER)) continue;
    const seconds = Number(time);
    if (verify(null, cosigned(body, seconds), witness.publicKey, octets.subarray(12))) return seconds * 1_000;
  }
  return null;
}

function cosigned(body: string, seconds: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${seconds}\n${body}`);
}

/** SHA-256(name ‖ 0x0A ‖ 0x04 ‖ public key), the first four octets. */
function cosignerId(name: string, publicKey: KeyObject): Uint8Array {
  const head = concat([utf8(name), new Uint8Array([0x0a, cosignatureType])]);
  return sha256(concat([head, rawKey(publicKey)])).subarray(0, 4);
}

function rawKey(publicKey: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
}
