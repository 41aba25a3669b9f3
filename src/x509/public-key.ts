import { createPublicKey, type KeyObject } from 'node:crypto';
import { equalBytes } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';

const curves: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

/**
 * Reads a SubjectPublicKeyInfo. The octets must be exactly what the key exports again: OpenSSL reads explicit curve
 * parameters and other spellings that a certificate of ours must not carry. Throws Fault `key_unacceptable`.
 */
export function readPublicKey(spki: Uint8Array): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new Fault('key_unacceptable', 'The public key cannot be read.', { cause });
  }
  if (
    standardKind(spki) === null &&
    !equalBytes(new Uint8Array(key.export({ format: 'der', type: 'spki' })), spki)
  ) {
    throw new Fault('key_unacceptable', 'The public key is not in its standard encoding; use a named curve.');
  }
  return key;
}

/** What comes before the key in its one standard encoding, of the two kinds that most certificates are for. */
const standardHeads: readonly {
  readonly head: Uint8Array;
  readonly octets: number;
  readonly kind: string;
}[] = [
  // RFC 5480 §2: id-ecPublicKey, prime256v1, and a point that is not compressed.
  {
    head: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'),
    octets: 91,
    kind: 'P-256',
  },
  // RFC 8410 §4: Ed25519.
  { head: Buffer.from('302a300506032b6570032100', 'hex'), octets: 44, kind: 'Ed25519' },
];

/** Of octets that cannot be but as the key exports them: everything that is not the key itself has one spelling. */
function standardKind(spki: Uint8Array): string | null {
  const standard = standardHeads.find(
    ({ head, octets }) => spki.length === octets && equalBytes(spki.subarray(0, head.length), head),
  );
  return standard?.kind ?? null;
}

/** What `keyKindOf` says of a key that was read from these octets, mostly without asking OpenSSL. */
export function keyKindIn(spki: Uint8Array, key: KeyObject): string {
  return standardKind(spki) ?? keyKindOf(key);
}

/** 'P-256', 'P-384', 'P-521', 'Ed25519', 'RSA-<bits>', or the type of another key. */
export function keyKindOf(key: KeyObject): string {
  switch (key.asymmetricKeyType) {
    case 'ec':
      return (
        curves[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? `ec ${key.asymmetricKeyDetails?.namedCurve}`
      );
    case 'ed25519':
      return 'Ed25519';
    case 'rsa':
      return `RSA-${key.asymmetricKeyDetails?.modulusLength}`;
    default:
      return String(key.asymmetricKeyType);
  }
}

/** Refuses a key that no certificate may carry; `kind` where it is known. Throws Fault `key_unacceptable`. */
export function checkPublicKey(key: KeyObject, kind: string = keyKindOf(key)): void {
  if (['P-256', 'P-384', 'P-521', 'Ed25519'].includes(kind)) return;
  const details = key.asymmetricKeyDetails;
  if (
    key.asymmetricKeyType === 'rsa' &&
    details?.modulusLength !== undefined &&
    details.publicExponent !== undefined
  ) {
    const exponentFits = details.publicExponent >= 65_537n && details.publicExponent % 2n === 1n;
    if (details.modulusLength >= 2048 && details.modulusLength <= 8192 && exponentFits) return;
  }
  throw new Fault(
    'key_unacceptable',
    `A key of kind ${kind} is not accepted. Use P-256, P-384, P-521, Ed25519, or RSA of 2048 to 8192 bits.`,
  );
}
