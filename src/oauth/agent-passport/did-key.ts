import { toHex } from '../../kernel/bytes.ts';

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
/** The multicodec of an Ed25519 public key, as a varint. */
const ed25519 = [0xed, 0x01];

/** The Ed25519 key that a `did:key` is made of, as 64 hexadecimal digits; null for every other text. */
export function keyOfDid(did: string): string | null {
  const [, encoded] = /^did:key:z([1-9A-HJ-NP-Za-km-z]{40,64})$/.exec(did) ?? [];
  const octets = encoded === undefined ? null : fromBase58(encoded);
  if (octets?.length !== 34 || octets[0] !== ed25519[0] || octets[1] !== ed25519[1]) return null;
  return toHex(octets.subarray(2));
}

function fromBase58(text: string): Uint8Array | null {
  let number = 0n;
  for (const letter of text) number = number * 58n + BigInt(alphabet.indexOf(letter));
  const digits = number.toString(16);
  const octets = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  // A leading 1 is a leading zero octet, which an Ed25519 key of this form never has.
  return text.startsWith('1') ? null : octets;
}
