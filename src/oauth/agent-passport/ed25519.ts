import { createPublicKey, verify } from 'node:crypto';
import { utf8 } from '../../kernel/bytes.ts';

/** The field of edwards25519 has 2^255 − 19 elements (RFC 8032 §5.1). */
const fieldSize = 2n ** 255n - 19n;

/**
 * y of the eight points whose order divides 8. With one of them as key a signature fits every text: RFC 8032 does not exclude
 * them, and OpenSSL 3.0 takes such a signature where 3.5 does not.
 */
const smallOrder: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  fieldSize - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

/** SubjectPublicKeyInfo of an Ed25519 key before its 32 octets (RFC 8410 §4). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Whether an Ed25519 signature (RFC 8032 §5.1.7), 128 hexadecimal digits, is of a text by a key of 64. Keys and points that
 * are not in their one written form, or of small order, verify nothing.
 */
export function verifiesEd25519(text: string, signature: string, key: string): boolean {
  if (!/^[0-9a-f]{128}$/.test(signature) || !/^[0-9a-f]{64}$/.test(key)) return false;
  const keyOctets = Buffer.from(key, 'hex');
  const signatureOctets = Buffer.from(signature, 'hex');
  if (!isAdmissiblePoint(keyOctets) || !isAdmissiblePoint(signatureOctets.subarray(0, 32))) return false;
  try {
    const publicKey = createPublicKey({
      key: Buffer.concat([spkiPrefix, keyOctets]),
      format: 'der',
      type: 'spki',
    });
    return verify(null, utf8(text), publicKey, signatureOctets);
  } catch {
    return false;
  }
}

/** Whether 32 octets are the canonical form of a y that is not of small order; that there is such a point is for OpenSSL to say. */
export function isAdmissiblePoint(octets: Uint8Array): boolean {
  if (octets.length !== 32) return false;
  const number = BigInt(`0x${Buffer.from(octets).reverse().toString('hex')}`);
  const y = number & (2n ** 255n - 1n);
  return y < fieldSize && !smallOrder.has(y);
}
