import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { randomBytes } from '../../kernel/random.ts';
import { assembleCertificate, buildTbs, signTbs, spkiOf } from '../../x509/build-certificate.ts';
import {
  type ContentCipher,
  openEnvelopedData,
  readEnvelopedData,
  writeEnvelopedData,
} from '../../x509/cms-enveloped-data.ts';
import { attribute, readSignedData, verifySignedData, writeSignedData } from '../../x509/cms-signed-data.ts';
import { readKeyCertificate, rsaKeyOf } from '../../x509/cms-signer.ts';
import { bitString, explicit, octetString, sequence, smallInteger, tags, text } from '../../x509/der.ts';
import { readElement } from '../../x509/der-reader.ts';
import { algorithmIdentifier } from '../../x509/build-certificate.ts';
import { writeName } from '../../x509/name.ts';
import { oids } from '../../x509/oid.ts';
import { scepAttributes } from './scep-attributes.ts';

/** A client of SCEP, for specifications: a key and the certificate that it signs messages with. */
export interface ScepClient {
  readonly key: KeyObject;
  readonly certificate: Uint8Array;
}

export function rsaKey(modulusLength = 2_048): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength }).privateKey;
}

/** A client with a certificate that it has signed itself. */
export function selfSigned(key: KeyObject, commonName: string, serial = '01'): ScepClient {
  const template = {
    serial,
    issuerDer: writeName({ commonName }),
    subject: { commonName },
    notBefore: Date.UTC(2026, 0, 1),
    notAfter: Date.UTC(2027, 0, 1),
    spki: spkiOf(key),
    ca: null,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [],
    uris: [],
    dnsNames: [],
    ipAddresses: [],
    authorityKeyId: null,
  } as const;
  const tbs = buildTbs(template, 'sha256WithRSAEncryption');
  const certificate = assembleCertificate(tbs, 'sha256WithRSAEncryption', signTbs(tbs, key));
  return { key, certificate };
}

/** A request with a challenge password, signed by its key. */
export function requestFor(key: KeyObject, commonName: string, challenge: string | null): Uint8Array {
  const attributes =
    challenge === null ? [] : [attribute(oids.challengePassword, text(tags.utf8String, challenge))];
  const info = sequence(smallInteger(0), writeName({ commonName }), spkiOf(key), explicit(0, ...attributes));
  return sequence(info, algorithmIdentifier('sha256WithRSAEncryption'), bitString(signTbs(info, key)));
}

/** What a message says beside its signer. */
export interface MessageWords {
  readonly type: string;
  readonly content: Uint8Array;
  readonly registration: Uint8Array;
  readonly transactionId?: string;
  readonly cipher?: ContentCipher;
  readonly nonce?: Uint8Array;
  /** The envelope as it stands, in place of one made of the content. */
  readonly envelope?: Uint8Array;
}

/** A whole pkiMessage. */
export function messageOf(client: ScepClient, words: MessageWords): Uint8Array {
  const { type, content, registration, transactionId = 'one', cipher = 'aes128-CBC' } = words;
  const envelope = words.envelope ?? writeEnvelopedData(content, readKeyCertificate(registration), cipher);
  const attributes = [
    attribute(scepAttributes.messageType, text(tags.printableString, type)),
    attribute(scepAttributes.transactionId, text(tags.printableString, transactionId)),
    attribute(scepAttributes.senderNonce, octetString(words.nonce ?? randomBytes(16))),
  ];
  return writeSignedData(envelope, attributes, client);
}

/** A CertRep as the client reads it. */
export interface Answer {
  readonly status: string;
  readonly failInfo: string | null;
  readonly why: string | null;
  readonly transactionId: string;
  readonly recipientNonce: Uint8Array;
  /** What was encrypted for the client, or null. */
  readonly content: Uint8Array | null;
}

/** Reads a CertRep, verifies its signature and opens it. */
export function readAnswer(client: ScepClient, octets: Uint8Array): Answer {
  const signed = readSignedData(octets);
  const key = rsaKeyOf(signed.certificate);
  if (!key || !verifySignedData(signed, key)) throw new Error('the answer is not signed');
  const octetsOf = (oid: string): Uint8Array | null => {
    const value = signed.attributes.get(oid);
    return value ? readElement(value).content : null;
  };
  const textOf = (oid: string): string => Buffer.from(octetsOf(oid) ?? []).toString();
  const envelope = signed.content?.length ? readEnvelopedData(signed.content) : null;
  return {
    status: textOf(scepAttributes.pkiStatus),
    failInfo: textOf(scepAttributes.failInfo) || null,
    why: textOf(scepAttributes.failInfoText) || null,
    transactionId: textOf(scepAttributes.transactionId),
    recipientNonce: octetsOf(scepAttributes.recipientNonce) ?? new Uint8Array(),
    content:
      envelope &&
      openEnvelopedData(envelope, envelope.recipients[0]?.encryptedKey ?? new Uint8Array(), client.key),
  };
}
