import type { KeyObject } from 'node:crypto';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import type { Fault } from '../../kernel/fault.ts';
import { randomBytes } from '../../kernel/random.ts';
import { type ContentCipher, writeEnvelopedData } from '../../x509/cms-enveloped-data.ts';
import { attribute, writeSignedData } from '../../x509/cms-signed-data.ts';
import type { KeyCertificate } from '../../x509/cms-signer.ts';
import { octetString, tags, text } from '../../x509/der.ts';
import type { Asked } from './pki-message.ts';
import { scepAttributes } from './scep-attributes.ts';

/** RFC 8894 §3.2.1.4. */
const failInfo = {
  badAlg: '0',
  badMessageCheck: '1',
  badRequest: '2',
  badTime: '3',
  badCertId: '4',
} as const;

/** What is the client's affair is answered in SCEP, and what is ours in HTTP, so that it is tried again. */
const failInfoOf: Partial<Record<FaultCode, keyof typeof failInfo>> = {
  algorithm_refused: 'badAlg',
  key_unacceptable: 'badAlg',
  signature_invalid: 'badMessageCheck',
  request_invalid: 'badRequest',
  invalid_input: 'badRequest',
  join_token_invalid: 'badRequest',
  denied: 'badRequest',
  device_refused: 'badRequest',
  approval_refused: 'badRequest',
  conflict: 'badRequest',
  agent_unknown: 'badRequest',
  agent_inactive: 'badRequest',
  renewal_refused: 'badRequest',
  certificate_expired: 'badRequest',
  certificate_revoked: 'badRequest',
  certificate_unknown: 'badCertId',
  not_found: 'badCertId',
};

/** Whether a fault is one that a CertRep can tell. */
export function isTellable({ code }: Fault): boolean {
  return failInfoOf[code] !== undefined;
}

/** RFC 8894 §3.3.2.2: a failure encrypts nothing. */
const nothing = new Uint8Array();

/** Who answers: the certificate of the registration authority and its key. */
export interface Answerer {
  readonly certificate: Uint8Array;
  readonly key: KeyObject;
}

/** A CertRep that carries something, such as certificates, for the holder of a certificate (RFC 8894 §3.3.2.1). */
export function writeSuccess(
  asked: Asked,
  content: Uint8Array,
  to: { readonly recipient: KeyCertificate; readonly cipher: ContentCipher },
  answerer: Answerer,
): Uint8Array {
  const envelope = writeEnvelopedData(content, to.recipient, to.cipher);
  return writeSignedData(envelope, attributes(asked, '0'), answerer);
}

/** A CertRep that says no: the reason as a number, and in words (RFC 8894 §3.3.2.2). */
export function writeFailure(asked: Asked, fault: Fault, answerer: Answerer): Uint8Array {
  const number = failInfo[failInfoOf[fault.code] ?? 'badRequest'];
  const why = [
    attribute(scepAttributes.failInfo, text(tags.printableString, number)),
    attribute(scepAttributes.failInfoText, text(tags.utf8String, fault.message.slice(0, 500))),
  ];
  return writeSignedData(nothing, [...attributes(asked, '2'), ...why], answerer);
}

/** A CertRep that says that the request waits for an administrator (RFC 8894 §3.3.2.3). */
export function writePending(asked: Asked, answerer: Answerer): Uint8Array {
  return writeSignedData(nothing, attributes(asked, '3'), answerer);
}

function attributes({ transactionId, senderNonce }: Asked, status: '0' | '2' | '3'): readonly Uint8Array[] {
  return [
    attribute(scepAttributes.transactionId, text(tags.printableString, transactionId)),
    attribute(scepAttributes.messageType, text(tags.printableString, '3')),
    attribute(scepAttributes.pkiStatus, text(tags.printableString, status)),
    attribute(scepAttributes.recipientNonce, octetString(senderNonce)),
    attribute(scepAttributes.senderNonce, octetString(randomBytes(16))),
  ];
}
