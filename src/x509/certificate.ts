import { type KeyObject, verify } from 'node:crypto';
import { equalBytes, sha256Base64url, toHex } from '../kernel/bytes.ts';
import { tags } from './der.ts';
import {
  malformed,
  readBitString,
  readElement,
  readInteger,
  readOid,
  readSmall,
  SequenceReader,
} from './der-reader.ts';
import { type Extensions, readExtensions } from './extensions.ts';
import { readCommonName } from './name.ts';
import { oidName } from './oid.ts';
import { keyKindIn, readPublicKey } from './public-key.ts';
import { readTime } from './time.ts';

/** A certificate as a value (RFC 5280 §4.1). Reading one says nothing about whether to trust it. */
export interface Certificate extends Extensions {
  readonly der: Uint8Array;
  /** Lower-case hex of the magnitude, an even number of digits; '-' before it when it is negative. */
  readonly serial: string;
  readonly issuerDer: Uint8Array;
  readonly subjectDer: Uint8Array;
  readonly commonName: string | null;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly publicKey: KeyObject;
  /** 'P-256', 'Ed25519', 'RSA-2048', …. */
  readonly keyKind: string;
  /** The octets that are signed. */
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
  readonly signatureAlgorithm: string;
  /** base64url SHA-256 of the DER: `x5t#S256` (RFC 8705 §3.1). */
  readonly thumbprint: string;
}

const greatestSize = 64 * 1024;

/** A public key that was read from its octets before. */
export type KnownKey = Pick<Certificate, 'spki' | 'publicKey'>;

/** Reads one certificate strictly. Throws Fault `malformed_der`, or `key_unacceptable` for a key that cannot be read. */
export function readCertificate(der: Uint8Array): Certificate {
  return readStrictly(der, null);
}

/** The same for a certificate that should be for a key: when it is, the key is not read anew. */
export function readCertificateFor(known: KnownKey, der: Uint8Array): Certificate {
  return readStrictly(der, known);
}

function readStrictly(der: Uint8Array, known: KnownKey | null): Certificate {
  if (der.length > greatestSize) throw malformed('a certificate larger than 64 KiB');
  const whole = new SequenceReader(readElement(der));
  const tbs = whole.next(tags.sequence);
  const outerAlgorithm = whole.next(tags.sequence);
  const signature = readBitString(whole.next(tags.bitString));
  whole.end();
  const reader = new SequenceReader(tbs);
  const version = reader.optional(0xa0);
  const versionNumber = version ? readSmall(readElement(version.content)) : 0;
  const serial = readSerial(readInteger(reader.next(tags.integer)));
  const innerAlgorithm = reader.next(tags.sequence);
  // RFC 5280 §4.1.1.2: both must be the same.
  if (!equalBytes(innerAlgorithm.whole, outerAlgorithm.whole))
    throw malformed('two different signature algorithms');
  const issuer = reader.next(tags.sequence);
  const validity = new SequenceReader(reader.next(tags.sequence));
  const notBefore = readTime(validity.next());
  const notAfter = readTime(validity.next());
  validity.end();
  const subject = reader.next(tags.sequence);
  const spki = reader.next(tags.sequence).whole;
  reader.optional(0x81);
  reader.optional(0x82);
  const extensions = reader.optional(0xa3);
  reader.end();
  // RFC 5280 §4.1.2.1: extensions need version 3. A root made long ago may be version 1, without any.
  if (extensions && versionNumber !== 2) throw malformed('extensions in a certificate that is not version 3');
  const publicKey = known && equalBytes(known.spki, spki) ? known.publicKey : readPublicKey(spki);
  return {
    ...readExtensions(extensions ? readElement(extensions.content) : null),
    der,
    serial,
    issuerDer: issuer.whole,
    subjectDer: subject.whole,
    commonName: readCommonName(subject),
    notBefore,
    notAfter,
    spki,
    publicKey,
    keyKind: keyKindIn(spki, publicKey),
    tbs: tbs.whole,
    signature,
    signatureAlgorithm: oidName(readOid(new SequenceReader(outerAlgorithm).next(tags.oid))),
    thumbprint: sha256Base64url(der),
  };
}

function readSerial(octets: Uint8Array): string {
  // RFC 5280 §4.1.2.2: positive, at most 20 octets; others exist, and the profile refuses them.
  const negative = ((octets[0] ?? 0) & 0x80) !== 0;
  const magnitude = !negative && octets.length > 1 && octets[0] === 0 ? octets.subarray(1) : octets;
  return negative ? `-${toHex(magnitude)}` : toHex(magnitude);
}

const digests: Readonly<Record<string, string | null>> = {
  'ecdsa-with-SHA256': 'sha256',
  'ecdsa-with-SHA384': 'sha384',
  'ecdsa-with-SHA512': 'sha512',
  sha256WithRSAEncryption: 'sha256',
  sha384WithRSAEncryption: 'sha384',
  sha512WithRSAEncryption: 'sha512',
  ed25519: null,
};

const algorithmKeys: Readonly<Record<string, string>> = { ecd: 'ec', sha: 'rsa', ed2: 'ed25519' };

/** Whether the certificate's signature was made by the key. False for an algorithm this room does not know. */
export function isSignedBy(certificate: Certificate, issuerKey: KeyObject): boolean {
  return verifySigned(certificate.tbs, certificate.signature, certificate.signatureAlgorithm, issuerKey);
}

/** The same, verified beside the event loop. */
export function isSignedByAside(certificate: Certificate, issuerKey: KeyObject): Promise<boolean> {
  return verifySignedAside(certificate.tbs, certificate.signature, certificate.signatureAlgorithm, issuerKey);
}

/** Verifies a signature under a named algorithm, which must be one for the key's type. */
export function verifySigned(
  data: Uint8Array,
  signature: Uint8Array,
  algorithm: string,
  key: KeyObject,
): boolean {
  const digest = digestFor(algorithm, key);
  if (digest === undefined) return false;
  try {
    return verify(digest, data, key, signature);
  } catch {
    return false;
  }
}

/** The same in the thread pool: the event loop goes on meanwhile, and another core does the work. */
export function verifySignedAside(
  data: Uint8Array,
  signature: Uint8Array,
  algorithm: string,
  key: KeyObject,
): Promise<boolean> {
  const digest = digestFor(algorithm, key);
  if (digest === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    try {
      verify(digest, data, key, signature, (error, holds) => resolve(error === null && holds));
    } catch {
      resolve(false);
    }
  });
}

/** `undefined` for an algorithm that is not known, or not one for the key's type. */
function digestFor(algorithm: string, key: KeyObject): string | null | undefined {
  return algorithmKeys[algorithm.slice(0, 3)] === key.asymmetricKeyType ? digests[algorithm] : undefined;
}
