import { toHex } from '../kernel/bytes.ts';
import { element, explicit, objectIdentifier, octetString, sequence, tags, unsignedInteger } from './der.ts';
import {
  type DerElement,
  malformed,
  readElement,
  readElements,
  readInteger,
  readOid,
  SequenceReader,
} from './der-reader.ts';
import { readExtensionList } from './extension-list.ts';
import { extension } from './general-name.ts';
import { oidName, oids } from './oid.ts';

/** Which certificate is asked about (RFC 6960 §4.1.1, CertID). */
export interface OcspQuestion {
  /** The whole CertID, which the answer repeats octet by octet. */
  readonly certId: Uint8Array;
  /** 'sha1', 'sha256', …, or the dotted form of another. */
  readonly hashAlgorithm: string;
  /** Hex. */
  readonly issuerNameHash: string;
  readonly issuerKeyHash: string;
  /** Lower-case hex of the magnitude; '-' before it when it is negative. */
  readonly serial: string;
}

/** What an OCSP client asks. */
export interface OcspRequest {
  readonly questions: readonly OcspQuestion[];
  /** 1 to 128 octets (RFC 9654 §2.1), or null. */
  readonly nonce: Uint8Array | null;
}

/** A signed request with its certificates is longer than any other, and shorter than this. */
export const greatestOcspRequest = 8 * 1024;
/** RFC 5019 §2.1.1 has one; a browser's chain has three. */
const mostQuestions = 16;
const longestNonce = 128;

/**
 * Reads one OCSP request strictly. A signature on it is passed over: anybody may ask. Throws Fault `malformed_der`, also
 * for a critical extension that is not known.
 */
export function readOcspRequest(der: Uint8Array): OcspRequest {
  if (der.length > greatestOcspRequest) throw malformed('an OCSP request larger than 8 KiB');
  const whole = new SequenceReader(readElement(der));
  const reader = new SequenceReader(whole.next(tags.sequence));
  whole.optional(0xa0);
  whole.end();
  // Version 1 is the default and not written (X.690 §11.5), and there is no other.
  reader.optional(0xa1);
  const list = readElements(reader.next(tags.sequence).content);
  const extensions = reader.optional(0xa2);
  reader.end();
  if (list.length === 0 || list.length > mostQuestions)
    throw malformed(`no question, or more than ${mostQuestions}`);
  return {
    questions: list.map(readQuestion),
    nonce: extensions ? readRequestExtensions(readElement(extensions.content)) : null,
  };
}

function readQuestion(request: DerElement): OcspQuestion {
  const reader = new SequenceReader(request);
  const certId = reader.next(tags.sequence);
  const extensions = reader.optional(0xa0);
  reader.end();
  if (extensions) refuseCritical(readElement(extensions.content));
  return { certId: certId.whole, ...readMembers(certId) };
}

/** Reads a CertID by itself, such as that of an answer. Throws Fault `malformed_der`. */
export function readCertId(der: Uint8Array): Omit<OcspQuestion, 'certId'> {
  return readMembers(readElement(der));
}

function readMembers(certId: DerElement): Omit<OcspQuestion, 'certId'> {
  const members = new SequenceReader(certId);
  const algorithm = new SequenceReader(members.next(tags.sequence));
  const hashAlgorithm = oidName(readOid(algorithm.next(tags.oid)));
  const parameters = algorithm.optional(tags.null);
  algorithm.end();
  if (parameters && parameters.content.length > 0) throw malformed('a NULL with content');
  const issuerNameHash = toHex(members.next(tags.octetString).content);
  const issuerKeyHash = toHex(members.next(tags.octetString).content);
  const serial = readSerial(readInteger(members.next(tags.integer)));
  members.end();
  return { hashAlgorithm, issuerNameHash, issuerKeyHash, serial };
}

function readSerial(octets: Uint8Array): string {
  // RFC 5280 §4.1.2.2: 20 octets at the most, the sign among them; others exist, and one octet more is heard.
  if (octets.length > 21) throw malformed('a serial of more than 21 octets');
  const negative = ((octets[0] ?? 0) & 0x80) !== 0;
  const magnitude = !negative && octets.length > 1 && octets[0] === 0 ? octets.subarray(1) : octets;
  return negative ? `-${toHex(magnitude)}` : toHex(magnitude);
}

function readRequestExtensions(list: DerElement): Uint8Array | null {
  const found = refuseCritical(list);
  const nonce = found.get(oids.ocspNonce)?.value;
  if (!nonce) return null;
  // RFC 9654 §2.1: other lengths are to be refused as malformed.
  if (nonce.tag !== tags.octetString || nonce.content.length === 0 || nonce.content.length > longestNonce)
    throw malformed('a nonce that is not of 1 to 128 octets');
  return nonce.content;
}

function refuseCritical(list: DerElement): ReturnType<typeof readExtensionList> {
  const found = readExtensionList(list);
  for (const [oid, { critical }] of found) {
    if (critical && oid !== oids.ocspNonce) throw malformed('a critical extension that is not known');
  }
  return found;
}

/** The nonce extension. */
export function ocspNonce(nonce: Uint8Array): Uint8Array {
  return extension(oids.ocspNonce, false, octetString(nonce));
}

/** Which certificate is meant, with hashes of its issuer's name and key. */
export function writeCertId(id: {
  readonly hashAlgorithm: 'sha1' | 'sha256' | 'sha384' | 'sha512';
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  /** Hex of a positive number. */
  readonly serial: string;
}): Uint8Array {
  return sequence(
    sequence(objectIdentifier(oids[id.hashAlgorithm]), element(tags.null, new Uint8Array(0))),
    octetString(id.issuerNameHash),
    octetString(id.issuerKeyHash),
    unsignedInteger(new Uint8Array(Buffer.from(id.serial, 'hex'))),
  );
}

/** A request without a signature. */
export function buildOcspRequest(
  certIds: readonly Uint8Array[],
  nonce: Uint8Array | null = null,
): Uint8Array {
  const questions = sequence(...certIds.map((certId) => sequence(certId)));
  return sequence(sequence(questions, ...(nonce === null ? [] : [explicit(2, sequence(ocspNonce(nonce)))])));
}
