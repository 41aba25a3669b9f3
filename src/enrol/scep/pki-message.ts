import type { KeyObject } from 'node:crypto';
import { Fault } from '../../kernel/fault.ts';
import { derOfBer } from '../../x509/ber.ts';
import { type EnvelopedData, readEnvelopedData } from '../../x509/cms-enveloped-data.ts';
import { isKnownSignature, readSignedData, verifySignedData } from '../../x509/cms-signed-data.ts';
import { type KeyCertificate, rsaKeyOf } from '../../x509/cms-signer.ts';
import { tags } from '../../x509/der.ts';
import { malformed, readElement } from '../../x509/der-reader.ts';
import { scepAttributes } from './scep-attributes.ts';

/** What a client asks for (RFC 8894 §3.2.1.2). */
export type MessageType = 'PKCSReq' | 'RenewalReq' | 'CertPoll' | 'GetCert' | 'GetCRL';

const messageTypes: Readonly<Record<string, MessageType>> = {
  '17': 'RenewalReq',
  '19': 'PKCSReq',
  '20': 'CertPoll',
  '21': 'GetCert',
  '22': 'GetCRL',
};

/** What an answer repeats of its question. */
export interface Asked {
  readonly transactionId: string;
  readonly senderNonce: Uint8Array;
}

/** A pkiMessage (RFC 8894 §3.2) whose signer has shown that it holds the key of its certificate. */
export interface PkiMessage extends Asked {
  readonly messageType: MessageType;
  readonly signer: KeyCertificate;
  readonly signerKey: KeyObject;
  readonly envelope: EnvelopedData;
}

/** A message as far as it can be read, and what is wrong with it beyond that; such a refusal can be answered in SCEP. */
export interface ReadMessage {
  readonly asked: Asked;
  readonly message: PkiMessage | Fault;
}

/** How large a message may be, in octets; a request with a key of 4096 bits is under 8 KiB. */
export const greatestMessage = 32 * 1024;

/**
 * Reads a pkiMessage and verifies its signature; with `legacy` also one by SHA-1. Throws Fault `request_invalid` for octets
 * that are none, `too_large`.
 */
export function readPkiMessage(octets: Uint8Array, legacy: boolean): ReadMessage {
  if (octets.length > greatestMessage) {
    throw new Fault('too_large', `A SCEP message is at most ${greatestMessage} octets long.`);
  }
  try {
    return readStrictly(octets, legacy);
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== 'malformed_der') throw cause;
    throw new Fault('request_invalid', 'The body is not a SCEP message (RFC 8894 §3).', { cause });
  }
}

function readStrictly(octets: Uint8Array, legacy: boolean): ReadMessage {
  const signed = readSignedData(derOfBer(octets));
  const text = (name: keyof typeof scepAttributes): string => {
    const value = signed.attributes.get(scepAttributes[name]);
    if (!value) throw malformed(`no attribute ${name}`);
    return readText(value);
  };
  const asked = { transactionId: text('transactionId'), senderNonce: readNonce(signed.attributes) };
  const messageType = messageTypes[text('messageType')];
  const refused = (code: 'algorithm_refused' | 'signature_invalid' | 'request_invalid', why: string) => ({
    asked,
    message: new Fault(code, why),
  });
  if (!messageType) return refused('request_invalid', 'A message of this type is not answered here.');
  const { certificate: signer } = signed;
  const signerKey = keyOf(signer);
  if (!signerKey) {
    return refused(
      'algorithm_refused',
      'SCEP here is for RSA keys of 2048 to 4096 bits; use ACME or EST for others.',
    );
  }
  if (!isKnownSignature(signed) || (signed.digest === 'sha1' && !legacy)) {
    return refused('algorithm_refused', 'A message is signed with RSA and SHA-256, SHA-384 or SHA-512.');
  }
  if (!verifySignedData(signed, signerKey)) {
    return refused(
      'signature_invalid',
      'The signature of the message was not made with the key of its certificate.',
    );
  }
  if (signed.content === null) throw malformed('a message without content');
  const envelope = readEnvelopedData(derOfBer(signed.content));
  return { asked, message: { ...asked, messageType, signer, signerKey, envelope } };
}

function keyOf(signer: KeyCertificate): KeyObject | null {
  try {
    return rsaKeyOf(signer);
  } catch {
    return null;
  }
}

const textTags: readonly number[] = [tags.printableString, tags.utf8String, tags.ia5String];

/** RFC 8894 §3.2.1.1: a PrintableString; what other clients send is as harmless as long as it can be seen. */
function readText(octets: Uint8Array): string {
  const { tag, content } = readElement(octets);
  const text = Buffer.from(content).toString('latin1');
  if (!textTags.includes(tag) || !/^[\x20-\x7e]{1,256}$/.test(text))
    throw malformed('an attribute that is no text');
  return text;
}

function readNonce(attributes: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const value = attributes.get(scepAttributes.senderNonce);
  const { tag, content } = readElement(value ?? new Uint8Array());
  // RFC 8894 §3.2.1.5.
  if (tag !== tags.octetString || content.length !== 16) throw malformed('a nonce that is not 16 octets');
  return content;
}
