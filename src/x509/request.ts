import type { KeyObject } from 'node:crypto';
import { Fault } from '../kernel/fault.ts';
import {
  algorithmIdentifier,
  type SignatureAlgorithm,
  signatureAlgorithmFor,
  signTbs,
  spkiOf,
} from './build-certificate.ts';
import { verifySigned, verifySignedAside } from './certificate.ts';
import { bitString, explicit, objectIdentifier, sequence, setOf, smallInteger, tags } from './der.ts';
import {
  type DerElement,
  malformed,
  readBitString,
  readElement,
  readElements,
  readOid,
  readSmall,
  SequenceReader,
} from './der-reader.ts';
import {
  type AlternativeNames,
  type Extensions,
  extensionList,
  readExtensions,
  subjectAltName,
} from './extensions.ts';
import { readCommonName, writeName } from './name.ts';
import { oidName, oids } from './oid.ts';
import { checkPublicKey, keyKindIn, readPublicKey } from './public-key.ts';

/** A certificate request (PKCS #10, RFC 2986) whose sender has shown possession of its key. */
export interface CertificateRequest extends AlternativeNames {
  readonly der: Uint8Array;
  readonly spki: Uint8Array;
  readonly publicKey: KeyObject;
  readonly commonName: string | null;
}

const greatestSize = 64 * 1024;

/** Whether a request may list an otherName, which no certificate of ours carries. */
export type OtherNameFilter = (otherName: Uint8Array) => boolean;

/**
 * Reads a request and verifies its signature; otherNames are refused but for those that `accepts` lets pass.
 * Throws Fault `request_invalid` or `key_unacceptable`.
 */
export function readRequest(der: Uint8Array, accepts: OtherNameFilter = () => false): CertificateRequest {
  const { request, signed } = readUnproven(der, accepts);
  return proven(request, verifySigned(signed.info, signed.signature, signed.algorithm, request.publicKey));
}

/** The same with the signature verified beside the event loop, for doors that many come to at once. */
export async function readRequestAside(
  der: Uint8Array,
  accepts: OtherNameFilter = () => false,
): Promise<CertificateRequest> {
  const { request, signed } = readUnproven(der, accepts);
  const { info, signature, algorithm } = signed;
  return proven(request, await verifySignedAside(info, signature, algorithm, request.publicKey));
}

function proven(request: CertificateRequest, holds: boolean): CertificateRequest {
  if (holds) return request;
  throw new Fault('request_invalid', 'The signature of the request was not made with its key.');
}

/** A request that says what it says, and nothing yet of who sent it. */
interface UnprovenRequest {
  readonly request: CertificateRequest;
  readonly signed: { readonly info: Uint8Array; readonly signature: Uint8Array; readonly algorithm: string };
}

function readUnproven(der: Uint8Array, accepts: OtherNameFilter): UnprovenRequest {
  try {
    return readStrictly(der, accepts);
  } catch (error) {
    if (error instanceof Fault && error.code === 'malformed_der') {
      throw new Fault('request_invalid', 'The certificate request is malformed.', { cause: error });
    }
    throw error;
  }
}

function readStrictly(der: Uint8Array, accepts: OtherNameFilter): UnprovenRequest {
  if (der.length > greatestSize) throw malformed('a request larger than 64 KiB');
  const whole = new SequenceReader(readElement(der));
  const info = whole.next(tags.sequence);
  const algorithm = oidName(readOid(new SequenceReader(whole.next(tags.sequence)).next(tags.oid)));
  const signature = readBitString(whole.next(tags.bitString));
  whole.end();
  const reader = new SequenceReader(info);
  if (readSmall(reader.next(tags.integer)) !== 0) throw malformed('a version other than 0');
  const subject = reader.next(tags.sequence);
  const spki = reader.next(tags.sequence).whole;
  const attributes = reader.optional(0xa0);
  reader.end();
  const publicKey = readPublicKey(spki);
  checkPublicKey(publicKey, keyKindIn(spki, publicKey));
  const asked = readExtensions(attributes ? requestedExtensions(attributes) : null);
  const passed = asked.otherNameOctets.filter(accepts).length;
  refuseForeign({ ...asked, otherNames: asked.otherNames - passed });
  const { uris, dnsNames, ipAddresses } = asked;
  const commonName = readCommonName(subject);
  return {
    request: { der, spki, publicKey, commonName, uris, dnsNames, ipAddresses },
    signed: { info: info.whole, signature, algorithm },
  };
}

/** What no certificate of ours can carry is refused, not left out: whoever asks would believe that they had got it. */
function refuseForeign({ isCa, otherNames, unknownCritical, keyUsage }: Extensions): void {
  const foreign =
    isCa || keyUsage.includes('keyCertSign') || keyUsage.includes('cRLSign')
      ? 'to be a CA'
      : otherNames > 0
        ? 'for a name that is no URI, DNS name or IP address'
        : unknownCritical.length > 0
          ? `for the critical extension ${unknownCritical.join(', ')}`
          : null;
  if (foreign === null) return;
  throw new Fault('request_invalid', `The request asks ${foreign}, and no certificate here has that.`);
}

function requestedExtensions(attributes: DerElement): DerElement | null {
  const found: DerElement[] = [];
  for (const attribute of readElements(attributes.content)) {
    const reader = new SequenceReader(attribute);
    const type = readOid(reader.next(tags.oid));
    const values = reader.next(tags.set);
    reader.end();
    if (type === oids.extensionRequest) found.push(readElement(values.content));
  }
  if (found.length > 1) throw malformed('two lists of requested extensions');
  return found[0] ?? null;
}

/** The part of a request that is signed, for a key that lives elsewhere. */
export function buildRequestInfo(key: KeyObject, subject: { readonly commonName: string }): Uint8Array {
  return sequence(smallInteger(0), writeName(subject), spkiOf(key), explicit(0));
}

/** A request of its signed part and the signature. */
export function assembleRequest(
  info: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array {
  return sequence(info, algorithmIdentifier(algorithm), bitString(signature));
}

/** Builds and signs a request for a private key; without a common name for one that the authority chooses. Throws Fault `invalid_input`, `key_unacceptable`. */
export function buildRequest(
  key: KeyObject,
  subject: { readonly commonName: string | null },
  names: Partial<AlternativeNames> = {},
): Uint8Array {
  const { uris = [], dnsNames = [], ipAddresses = [] } = names;
  const named = uris.length + dnsNames.length + ipAddresses.length > 0;
  const list = named ? extensionList([subjectAltName({ uris, dnsNames, ipAddresses })]) : null;
  const attributes = list ? [sequence(objectIdentifier(oids.extensionRequest), setOf(list))] : [];
  const info = sequence(smallInteger(0), writeSubject(subject), spkiOf(key), explicit(0, ...attributes));
  return assembleRequest(info, signatureAlgorithmFor(key), signTbs(info, key));
}

function writeSubject({ commonName }: { readonly commonName: string | null }): Uint8Array {
  return commonName === null ? sequence() : writeName({ commonName });
}
