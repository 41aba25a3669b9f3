import type { KeyObject } from 'node:crypto';
import { toHex } from '../kernel/bytes.ts';
import { algorithmIdentifier, type SignatureAlgorithm } from './build-certificate.ts';
import { verifySigned } from './certificate.ts';
import {
  bitString,
  element,
  explicit,
  implicit,
  objectIdentifier,
  octetString,
  sequence,
  tags,
} from './der.ts';
import {
  type DerElement,
  malformed,
  readBitString,
  readElement,
  readElements,
  readOid,
  SequenceReader,
} from './der-reader.ts';
import { readExtensionList } from './extension-list.ts';
import { ocspNonce } from './ocsp-request.ts';
import { oidName, oids } from './oid.ts';
import { type RevocationReason, revocationReasonOf, revocationReasons } from './revocation-reason.ts';
import { readGeneralizedTime, writeGeneralizedTime } from './time.ts';

/** How a certificate stands (RFC 6960 §2.2). */
export type OcspStatus =
  | { readonly kind: 'good' | 'unknown' }
  | { readonly kind: 'revoked'; readonly at: number; readonly reason: RevocationReason };

/** The answer to one question. Times are epoch milliseconds and written in whole seconds. */
export interface OcspAnswer {
  /** As it was asked. */
  readonly certId: Uint8Array;
  readonly status: OcspStatus;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}

/** Everything that a responder signs. */
export interface OcspTemplate {
  /** SHA-1 of the responder's public key bits: how a response names it (RFC 6960 §4.2.1). */
  readonly responderKeyHash: Uint8Array;
  readonly producedAt: number;
  readonly answers: readonly OcspAnswer[];
  readonly nonce: Uint8Array | null;
}

/** Answers without a status (RFC 6960 §4.2.1, OCSPResponseStatus). */
export const ocspRefusals = { malformedRequest: 1, internalError: 2, tryLater: 3, unauthorized: 6 } as const;

export type OcspRefusal = keyof typeof ocspRefusals;

/** A response that says why there is none; it is not signed. */
export function refuseOcsp(refusal: OcspRefusal): Uint8Array {
  return sequence(element(tags.enumerated, new Uint8Array([ocspRefusals[refusal]])));
}

/** The to-be-signed octets of a response (RFC 6960 §4.2.1, ResponseData). */
export function buildOcspTbs(template: OcspTemplate): Uint8Array {
  const { responderKeyHash, producedAt, answers, nonce } = template;
  return sequence(
    explicit(2, octetString(responderKeyHash)),
    writeGeneralizedTime(producedAt),
    sequence(...answers.map(writeAnswer)),
    ...(nonce === null ? [] : [explicit(1, sequence(ocspNonce(nonce)))]),
  );
}

/** A whole response: what was signed, its signature and the certificate of the responder. */
export function assembleOcsp(
  tbs: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
  responder: Uint8Array,
): Uint8Array {
  const basic = sequence(
    tbs,
    algorithmIdentifier(algorithm),
    bitString(signature),
    explicit(0, sequence(responder)),
  );
  return sequence(
    element(tags.enumerated, new Uint8Array([0])),
    explicit(0, sequence(objectIdentifier(oids.ocspBasic), octetString(basic))),
  );
}

function writeAnswer({ certId, status, thisUpdate, nextUpdate }: OcspAnswer): Uint8Array {
  return sequence(
    certId,
    writeStatus(status),
    writeGeneralizedTime(thisUpdate),
    explicit(0, writeGeneralizedTime(nextUpdate)),
  );
}

function writeStatus(status: OcspStatus): Uint8Array {
  if (status.kind !== 'revoked') return implicit(status.kind === 'good' ? 0 : 2, new Uint8Array(0));
  const { at, reason } = status;
  const number = element(tags.enumerated, new Uint8Array([revocationReasons[reason]]));
  return explicit(1, writeGeneralizedTime(at), ...(reason === 'unspecified' ? [] : [explicit(0, number)]));
}

/** A response as a value. Reading one says nothing about whether to trust it. */
export interface OcspResponse {
  /** Hex; null when the responder is named otherwise. */
  readonly responderKeyHash: string | null;
  readonly producedAt: number;
  readonly answers: readonly OcspAnswer[];
  readonly nonce: Uint8Array | null;
  /** The certificates that came along, in DER. */
  readonly certificates: readonly Uint8Array[];
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
  readonly signatureAlgorithm: string;
}

const greatestSize = 64 * 1024;

/** Reads a response strictly: its statuses, or the reason for which there are none. Throws Fault `malformed_der`. */
export function readOcspResponse(der: Uint8Array): OcspResponse | OcspRefusal {
  if (der.length > greatestSize) throw malformed('an OCSP response larger than 64 KiB');
  const whole = new SequenceReader(readElement(der));
  const status = whole.next(tags.enumerated).content;
  const bytes = whole.optional(0xa0);
  whole.end();
  if (status.length !== 1) throw malformed('a status out of range');
  if (status[0] !== 0 || bytes === null) return readRefusal(status[0] ?? 0, bytes);
  const typed = new SequenceReader(readElement(bytes.content));
  if (readOid(typed.next(tags.oid)) !== oids.ocspBasic) throw malformed('an OCSP response of another type');
  const basic = readElement(typed.next(tags.octetString).content);
  typed.end();
  return readBasic(new SequenceReader(basic));
}

/** Whether the signature of a response was made by the key. */
export function isOcspSignedBy(response: OcspResponse, key: KeyObject): boolean {
  return verifySigned(response.tbs, response.signature, response.signatureAlgorithm, key);
}

function readRefusal(status: number, bytes: DerElement | null): OcspRefusal {
  const [name] = Object.entries(ocspRefusals).find(([, number]) => number === status) ?? [];
  if (name === undefined || bytes !== null) throw malformed('a status that does not fit what follows');
  return name as OcspRefusal;
}

function readBasic(reader: SequenceReader): OcspResponse {
  const tbs = reader.next(tags.sequence);
  const algorithm = reader.next(tags.sequence);
  const signature = readBitString(reader.next(tags.bitString));
  const certificates = reader.optional(0xa0);
  reader.end();
  const signed = new SequenceReader(tbs);
  const responder = signed.next(0xa1, 0xa2);
  const producedAt = readGeneralizedTime(signed.next());
  const answers = readElements(signed.next(tags.sequence).content).map(readAnswer);
  const extensions = signed.optional(0xa1);
  signed.end();
  if (answers.length === 0) throw malformed('an OCSP response without an answer');
  return {
    responderKeyHash: responder.tag === 0xa2 ? readKeyHash(responder) : null,
    producedAt,
    answers,
    nonce: extensions ? readNonce(readElement(extensions.content)) : null,
    certificates: certificates
      ? new SequenceReader(readElement(certificates.content)).rest().map(({ whole }) => whole)
      : [],
    tbs: tbs.whole,
    signature,
    signatureAlgorithm: oidName(readOid(new SequenceReader(algorithm).next(tags.oid))),
  };
}

function readKeyHash(responder: DerElement): string {
  const hash = readElement(responder.content);
  if (hash.tag !== tags.octetString || hash.content.length !== 20) throw malformed('a key hash is expected');
  return toHex(hash.content);
}

function readNonce(list: DerElement): Uint8Array | null {
  const found = readExtensionList(list);
  for (const [oid, { critical }] of found) {
    if (critical && oid !== oids.ocspNonce) throw malformed('a critical extension that is not known');
  }
  const nonce = found.get(oids.ocspNonce)?.value;
  if (nonce && nonce.tag !== tags.octetString) throw malformed('a nonce is expected');
  return nonce?.content ?? null;
}

function readAnswer(element: DerElement): OcspAnswer {
  const reader = new SequenceReader(element);
  const certId = reader.next(tags.sequence).whole;
  const status = readStatus(reader.next(0x80, 0xa1, 0x82));
  const thisUpdate = readGeneralizedTime(reader.next());
  // RFC 5019 §2.2.4: without it an answer says nothing about later.
  const nextUpdate = readGeneralizedTime(readElement(reader.next(0xa0).content));
  const extensions = reader.optional(0xa1);
  reader.end();
  if (nextUpdate <= thisUpdate) throw malformed('an answer that ends before it begins');
  for (const { critical } of extensions ? readExtensionList(readElement(extensions.content)).values() : []) {
    if (critical) throw malformed('a critical extension that is not known');
  }
  return { certId, status, thisUpdate, nextUpdate };
}

function readStatus(element: DerElement): OcspStatus {
  if (element.tag !== 0xa1) {
    if (element.content.length > 0) throw malformed('a NULL with content');
    return { kind: element.tag === 0x80 ? 'good' : 'unknown' };
  }
  const [time, reason, ...more] = readElements(element.content);
  if (!time || more.length > 0 || (reason && reason.tag !== 0xa0))
    throw malformed('a revocation is expected');
  return {
    kind: 'revoked',
    at: readGeneralizedTime(time),
    reason: reason ? readReason(readElement(reason.content)) : 'unspecified',
  };
}

function readReason({ tag, content }: DerElement): RevocationReason {
  const reason = content.length === 1 ? revocationReasonOf(content[0] ?? 0) : null;
  if (tag !== tags.enumerated || reason === null) throw malformed('a reason is expected');
  return reason;
}
