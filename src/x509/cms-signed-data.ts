import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { concat, equalBytes } from '../kernel/bytes.ts';
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
import {
  type IssuerAndSerial,
  isSameCertificate,
  type KeyCertificate,
  onlyOne,
  readIssuerAndSerial,
  readKeyCertificate,
} from './cms-signer.ts';
import { oidName, oids } from './oid.ts';

/** A CMS SignedData with one signer (RFC 5652 §5), read and not yet verified. */
export interface SignedData {
  readonly contentType: string;
  /** Null when there is none. */
  readonly content: Uint8Array | null;
  /** The certificate that the signer names, which must be in the message. */
  readonly certificate: KeyCertificate;
  /** `sha256`, or the identifier of another digest. */
  readonly digest: string;
  readonly signatureAlgorithm: string;
  /** The one value of each signed attribute, whole, by dotted identifier. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
  /** The attributes as they came, as the SET OF that is signed. */
  readonly signedOctets: Uint8Array;
  readonly signature: Uint8Array;
}

const mostCertificates = 8;
const mostAttributes = 16;

/** Reads a SignedData with exactly one signer, in DER. Throws Fault `malformed_der`. */
export function readSignedData(der: Uint8Array): SignedData {
  const reader = new SequenceReader(readElement(contentOf(der, oids.signedData)));
  reader.next(tags.integer);
  reader.next(tags.set);
  const encapsulated = new SequenceReader(reader.next(tags.sequence));
  const contentType = readOid(encapsulated.next(tags.oid));
  const wrapped = encapsulated.optional(0xa0);
  const content = wrapped && readElement(wrapped.content);
  if (content && content.tag !== tags.octetString) throw malformed('content that is no OCTET STRING');
  encapsulated.end();
  const certificates = readElements(reader.next(0xa0).content);
  if (certificates.length > mostCertificates) throw malformed('too many certificates');
  reader.optional(0xa1);
  const signer = onlyOne(readElements(reader.next(tags.set).content), 'signer');
  reader.end();
  const { named, ...signed } = readSigner(new SequenceReader(signer));
  const certificate = certificates
    .filter(({ tag }) => tag === tags.sequence)
    .map(({ whole }) => readKeyCertificate(whole))
    .find((one) => isSameCertificate(one, named));
  if (!certificate) throw malformed('the certificate of the signer is not in the message');
  return { contentType, content: content?.content ?? null, certificate, ...signed };
}

function readSigner(
  reader: SequenceReader,
): Omit<SignedData, 'contentType' | 'content' | 'certificate'> & { readonly named: IssuerAndSerial } {
  reader.next(tags.integer);
  const named = readIssuerAndSerial(reader.next(tags.sequence).whole);
  const digest = algorithmIn(reader.next(tags.sequence).whole);
  const attributes = reader.next(0xa0);
  const signatureAlgorithm = algorithmIn(reader.next(tags.sequence).whole);
  const signature = reader.next(tags.octetString).content;
  reader.optional(0xa1);
  reader.end();
  return {
    named,
    digest,
    attributes: readAttributes(attributes.content),
    // RFC 5652 §5.4: signed is the SET OF, not the [0] it is sent as.
    signedOctets: element(tags.set, attributes.content),
    signatureAlgorithm,
    signature,
  };
}

function readAttributes(content: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  const list = readElements(content);
  if (list.length > mostAttributes) throw malformed('too many attributes');
  for (const attribute of list) {
    const reader = new SequenceReader(attribute);
    const type = readOid(reader.next(tags.oid));
    const value = onlyOne(readElements(reader.next(tags.set).content), 'value of an attribute');
    reader.end();
    if (found.has(type)) throw malformed('an attribute that comes twice');
    found.set(type, value.whole);
  }
  return found;
}

/** Signatures by RSA as CMS names them (RFC 3370 §3.2): the plain key algorithm, or one that repeats the digest. */
const rsaSignatures: Readonly<Record<string, readonly string[]>> = {
  sha1: ['rsaEncryption', 'sha1WithRSAEncryption'],
  sha256: ['rsaEncryption', 'sha256WithRSAEncryption'],
  sha384: ['rsaEncryption', 'sha384WithRSAEncryption'],
  sha512: ['rsaEncryption', 'sha512WithRSAEncryption'],
};

/** Whether the digest and signature algorithm are ones that `verifySignedData` knows to belong together. */
export function isKnownSignature({ digest, signatureAlgorithm }: SignedData): boolean {
  return rsaSignatures[digest]?.includes(signatureAlgorithm) ?? false;
}

/** Whether content and attributes are what the RSA key signed (RFC 5652 §5.4, §11). */
export function verifySignedData(signed: SignedData, key: KeyObject): boolean {
  const { attributes, digest, contentType, signedOctets } = signed;
  if (!isKnownSignature(signed) || key.asymmetricKeyType !== 'rsa') return false;
  const type = attributes.get(oids.contentType);
  const hash = attributes.get(oids.messageDigest);
  if (!type || !hash || readOid(readElement(type)) !== contentType) return false;
  const stated = readElement(hash);
  const found = new Uint8Array(
    createHash(digest)
      .update(signed.content ?? new Uint8Array())
      .digest(),
  );
  if (stated.tag !== tags.octetString || !equalBytes(stated.content, found)) return false;
  // DER has the attributes in order; some clients sign them as they stand.
  const sorted = setOf(...readElements(readElement(signedOctets).content).map(({ whole }) => whole));
  const forms = equalBytes(sorted, signedOctets) ? [sorted] : [sorted, signedOctets];
  return forms.some((octets) => verify(digest, octets, key, signed.signature));
}

/** An attribute with one value (RFC 5652 §5.3). */
export function attribute(type: string, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(type), setOf(value));
}

/** Signs content and attributes with an RSA key and SHA-256. */
export function writeSignedData(
  content: Uint8Array,
  attributes: readonly Uint8Array[],
  signer: { readonly certificate: Uint8Array; readonly key: KeyObject },
): Uint8Array {
  const { der, issuerDer, serial } = readKeyCertificate(signer.certificate);
  const digest = createHash('sha256').update(content);
  const list = [
    attribute(oids.contentType, objectIdentifier(oids.data)),
    attribute(oids.messageDigest, octetString(digest.digest())),
    ...attributes,
  ];
  const signedOctets = setOf(...list);
  const none = element(tags.null, new Uint8Array());
  const sha256 = sequence(objectIdentifier(oids.sha256), none);
  const signerInfo = sequence(
    smallInteger(1),
    sequence(issuerDer, element(tags.integer, serial)),
    sha256,
    element(0xa0, readElement(signedOctets).content),
    // RFC 3370 §3.2: the plain key algorithm, which every reader must know; some know no other.
    sequence(objectIdentifier(oids.rsaEncryption), none),
    octetString(sign('sha256', signedOctets, signer.key)),
  );
  const encapsulated = sequence(
    objectIdentifier(oids.data),
    // OpenSSL verifies nothing without content, so there is always some, if only of no octets.
    explicit(0, octetString(content)),
  );
  const signedData = sequence(
    smallInteger(1),
    setOf(sha256),
    encapsulated,
    element(0xa0, concat([der])),
    setOf(signerInfo),
  );
  return sequence(objectIdentifier(oids.signedData), explicit(0, signedData));
}

/** What stands in a ContentInfo (RFC 5652 §3) of that type. Throws Fault `malformed_der`. */
export function contentOf(der: Uint8Array, type: string): Uint8Array {
  const reader = new SequenceReader(readElement(der));
  if (readOid(reader.next(tags.oid)) !== type) throw malformed('a CMS message of another type');
  const { content } = reader.next(0xa0);
  reader.end();
  return content;
}

/** The name of the algorithm in an AlgorithmIdentifier whose parameters do not matter. */
export function algorithmIn(identifier: Uint8Array): string {
  return oidName(readOid(new SequenceReader(readElement(identifier)).next(tags.oid)));
}
