import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { concat } from '../kernel/bytes.ts';
import { randomBytes } from '../kernel/random.ts';
import {
  element,
  explicit,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  smallInteger,
  tags,
} from './der.ts';
import { malformed, readElement, readElements, readOid, SequenceReader } from './der-reader.ts';
import { algorithmIn, contentOf } from './cms-signed-data.ts';
import {
  type IssuerAndSerial,
  isSameCertificate,
  type KeyCertificate,
  readIssuerAndSerial,
} from './cms-signer.ts';
import { oidName, oids } from './oid.ts';

/** Ciphers of CMS content, all in CBC mode (RFC 3565; RFC 3370 §5.1). */
export const contentCiphers = {
  'aes128-CBC': { name: 'aes-128-cbc', key: 16, block: 16, legacy: false },
  'aes192-CBC': { name: 'aes-192-cbc', key: 24, block: 16, legacy: false },
  'aes256-CBC': { name: 'aes-256-cbc', key: 32, block: 16, legacy: false },
  'des-EDE3-CBC': { name: 'des-ede3-cbc', key: 24, block: 8, legacy: true },
  // OpenSSL 3 has single DES no more; the triple with three equal keys is the same.
  desCBC: { name: 'des-ede3-cbc', key: 8, block: 8, legacy: true },
} as const;

export type ContentCipher = keyof typeof contentCiphers;

/** A CMS EnvelopedData for recipients with RSA keys (RFC 5652 §6). */
export interface EnvelopedData {
  readonly recipients: readonly Recipient[];
  /** The name of the cipher, which may be none that is known here. */
  readonly cipher: string;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
}

interface Recipient {
  readonly certificate: IssuerAndSerial;
  readonly algorithm: string;
  readonly encryptedKey: Uint8Array;
}

const mostRecipients = 4;

/** Reads an EnvelopedData in DER. Throws Fault `malformed_der`. */
export function readEnvelopedData(der: Uint8Array): EnvelopedData {
  const reader = new SequenceReader(readElement(contentOf(der, oids.envelopedData)));
  reader.next(tags.integer);
  reader.optional(0xa0);
  const recipients = readElements(reader.next(tags.set).content);
  if (recipients.length > mostRecipients) throw malformed('too many recipients');
  const info = new SequenceReader(reader.next(tags.sequence));
  reader.optional(0xa1);
  reader.end();
  readOid(info.next(tags.oid));
  const algorithm = new SequenceReader(info.next(tags.sequence));
  const cipher = oidName(readOid(algorithm.next(tags.oid)));
  const iv = algorithm.optional(tags.octetString)?.content ?? new Uint8Array();
  algorithm.rest();
  const encrypted = info.next(0x80, 0xa0);
  info.end();
  return {
    recipients: recipients
      .filter(({ tag }) => tag === tags.sequence)
      .map(({ whole }) => readRecipient(whole)),
    cipher,
    iv,
    // [0] IMPLICIT OCTET STRING: in BER it may be in pieces.
    ciphertext: encrypted.tag === 0x80 ? encrypted.content : joined(encrypted.content),
  };
}

function readRecipient(octets: Uint8Array): Recipient {
  const reader = new SequenceReader(readElement(octets));
  reader.next(tags.integer);
  const certificate = readIssuerAndSerial(reader.next(tags.sequence).whole);
  const algorithm = algorithmIn(reader.next(tags.sequence).whole);
  const encryptedKey = reader.next(tags.octetString).content;
  reader.end();
  return { certificate, algorithm, encryptedKey };
}

function joined(content: Uint8Array): Uint8Array {
  const pieces = readElements(content);
  if (pieces.some(({ tag }) => tag !== tags.octetString)) throw malformed('a string of other pieces');
  return concat(pieces.map((piece) => piece.content));
}

/** The encrypted key that is for one of the certificates, or null. */
export function recipientFor(
  { recipients }: EnvelopedData,
  certificates: readonly IssuerAndSerial[],
): Recipient | null {
  return (
    recipients.find((one) => certificates.some((each) => isSameCertificate(one.certificate, each))) ?? null
  );
}

/**
 * Opens an envelope with the RSA key of a recipient; null when it does not open. RSA with PKCS #1 v1.5 padding would tell
 * an attacker with many tries what was encrypted (Bleichenbacher), were a bad padding to be seen: OpenSSL answers it with
 * a random key instead (implicit rejection), and a key of a wrong length is replaced by a random one here, so that both
 * fail as any wrong key does: in the content.
 */
export function openEnvelopedData(
  { cipher, iv, ciphertext }: EnvelopedData,
  encryptedKey: Uint8Array,
  key: KeyObject,
): Uint8Array | null {
  if (!isContentCipher(cipher)) return null;
  const known = contentCiphers[cipher];
  if (iv.length !== known.block) return null;
  if (ciphertext.length === 0 || ciphertext.length % known.block !== 0) return null;
  const spare = randomBytes(known.key);
  const found = decryptedKey(encryptedKey, key);
  const contentKey = found.length === known.key ? found : spare;
  const decipher = createDecipheriv(known.name, cipherKey(contentKey, cipher), iv);
  decipher.setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  return withoutPadding(padded, known.block);
}

function decryptedKey(encryptedKey: Uint8Array, key: KeyObject): Uint8Array {
  try {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, encryptedKey);
  } catch {
    // Not as long as the modulus, or not below it: anybody can see that.
    return new Uint8Array();
  }
}

/** RFC 5652 §6.3. */
function withoutPadding(padded: Uint8Array, block: number): Uint8Array | null {
  const length = padded.at(-1) ?? 0;
  if (length === 0 || length > block) return null;
  let difference = 0;
  for (const octet of padded.subarray(padded.length - length)) difference |= octet ^ length;
  return difference === 0 ? new Uint8Array(padded.subarray(0, padded.length - length)) : null;
}

/** Encrypts content for the holder of an RSA certificate. */
export function writeEnvelopedData(
  content: Uint8Array,
  recipient: KeyCertificate,
  cipher: ContentCipher,
): Uint8Array {
  const { name, key: keyLength, block } = contentCiphers[cipher];
  const contentKey = randomBytes(keyLength);
  const iv = randomBytes(block);
  const encipher = createCipheriv(name, cipherKey(contentKey, cipher), iv);
  const ciphertext = Buffer.concat([encipher.update(content), encipher.final()]);
  const key = createPublicKey({ key: Buffer.from(recipient.spki), format: 'der', type: 'spki' });
  const encryptedKey = publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, contentKey);
  const none = element(tags.null, new Uint8Array());
  const recipientInfo = sequence(
    smallInteger(0),
    sequence(recipient.issuerDer, element(tags.integer, recipient.serial)),
    sequence(objectIdentifier(oids.rsaEncryption), none),
    octetString(encryptedKey),
  );
  const contentInfo = sequence(
    objectIdentifier(oids.data),
    sequence(objectIdentifier(oids[cipher]), octetString(iv)),
    element(0x80, ciphertext),
  );
  const enveloped = sequence(smallInteger(0), setOf(recipientInfo), contentInfo);
  return sequence(objectIdentifier(oids.envelopedData), explicit(0, enveloped));
}

export function isContentCipher(name: string): name is ContentCipher {
  return Object.hasOwn(contentCiphers, name);
}

function cipherKey(key: Uint8Array, cipher: ContentCipher): Uint8Array {
  return cipher === 'desCBC' ? concat([key, key, key]) : key;
}
