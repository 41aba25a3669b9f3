import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { sha256 } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import {
  bitString,
  element,
  explicit,
  objectIdentifier,
  sequence,
  smallInteger,
  tags,
  unsignedInteger,
} from './der.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  extensionList,
  keyBits,
  keyUsage,
  type LeafUsage,
  nameConstraints,
  ocspNoCheck,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.ts';
import { writeName } from './name.ts';
import { oids } from './oid.ts';
import { authorityInfoAccess, crlDistributionPoint } from './publication-points.ts';
import { writeTime } from './time.ts';

/** Everything a certificate of ours says. Times are epoch milliseconds and written in whole seconds. */
export interface CertificateTemplate {
  /** Hex of a positive number of at most 20 octets. */
  readonly serial: string;
  readonly issuerDer: Uint8Array;
  readonly subject: { readonly commonName: string; readonly organization?: string };
  /** The subject in DER in place of that one: a name that another authority wrote. */
  readonly subjectDer?: Uint8Array;
  /** Hex of the subject key identifier where it is not ours to choose, null for none; made of the key unless given. */
  readonly subjectKeyId?: string | null;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly spki: Uint8Array;
  /** Null for a leaf. */
  readonly ca: {
    readonly pathLength: number | null;
    /** Hosts that URIs below may have; for SPIFFE, the trust domain. */
    readonly permittedUris?: readonly string[];
    readonly permittedDns?: readonly string[];
  } | null;
  readonly keyUsage: readonly ('digitalSignature' | 'keyEncipherment' | 'keyCertSign' | 'cRLSign')[];
  readonly extendedKeyUsage: readonly LeafUsage[];
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** Hex of the issuer's key identifier, or null for a root. */
  readonly authorityKeyId: string | null;
  /** Where the issuer's certificate can be fetched. */
  readonly issuerUrl?: string;
  /** Where the CRL that would list it is published; the CRL names the same octets. */
  readonly crlUrl?: string;
  readonly ocspUrl?: string;
  /** Only for an OCSP responder. */
  readonly ocspNoCheck?: boolean;
}

export type SignatureAlgorithm =
  | 'ecdsa-with-SHA256'
  | 'ecdsa-with-SHA384'
  | 'ed25519'
  | 'sha256WithRSAEncryption';

/** The to-be-signed octets of a certificate (RFC 5280 §4.1). Throws Fault `invalid_input`. */
export function buildTbs(template: CertificateTemplate, algorithm: SignatureAlgorithm): Uint8Array {
  return sequence(
    explicit(0, smallInteger(2)),
    unsignedInteger(serialOctets(template.serial)),
    algorithmIdentifier(algorithm),
    template.issuerDer,
    sequence(writeTime(template.notBefore), writeTime(template.notAfter)),
    template.subjectDer ?? writeName(template.subject),
    template.spki,
    explicit(3, extensionList(extensionsOf(template))),
  );
}

/** Joins what was signed with its signature. */
export function assembleCertificate(
  tbs: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array {
  return sequence(tbs, algorithmIdentifier(algorithm), bitString(signature));
}

/** The algorithm that a private or public key signs certificates with. Throws Fault `key_unacceptable`. */
export function signatureAlgorithmFor(key: KeyObject): SignatureAlgorithm {
  switch (key.asymmetricKeyType) {
    case 'ec':
      return key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
        ? 'ecdsa-with-SHA256'
        : 'ecdsa-with-SHA384';
    case 'ed25519':
      return 'ed25519';
    case 'rsa':
      return 'sha256WithRSAEncryption';
    default:
      throw new Fault(
        'key_unacceptable',
        `A key of type ${key.asymmetricKeyType} does not sign certificates here.`,
      );
  }
}

/** Signs octets with the algorithm of the key. */
export function signTbs(tbs: Uint8Array, key: KeyObject): Uint8Array {
  return new Uint8Array(sign(digestOf(signatureAlgorithmFor(key)), tbs, key));
}

/** The same in the thread pool, with an algorithm of the key: the event loop goes on meanwhile. */
export function signTbsAside(
  tbs: Uint8Array,
  key: KeyObject,
  algorithm: SignatureAlgorithm,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    sign(digestOf(algorithm), tbs, key, (error, signature) =>
      error ? reject(error) : resolve(new Uint8Array(signature)),
    );
  });
}

function digestOf(algorithm: SignatureAlgorithm): string | null {
  if (algorithm === 'ed25519') return null;
  return algorithm === 'ecdsa-with-SHA384' ? 'sha384' : 'sha256';
}

/** The key identifier of a public key: the first 20 octets of SHA-256 of its bits (RFC 7093 §2, method 1). */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  return sha256(keyBits(spki)).subarray(0, 20);
}

/** DER of the SubjectPublicKeyInfo of a private or public key. */
export function spkiOf(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
}

/** The AlgorithmIdentifier of a signature. */
export function algorithmIdentifier(algorithm: SignatureAlgorithm): Uint8Array {
  // RFC 4055 §5 wants NULL parameters for RSA; RFC 5758 §3.2 and RFC 8410 §3 want none.
  const parameters = algorithm === 'sha256WithRSAEncryption' ? [element(tags.null, new Uint8Array(0))] : [];
  return sequence(objectIdentifier(oids[algorithm]), ...parameters);
}

function extensionsOf(template: CertificateTemplate): readonly Uint8Array[] {
  const { ca, uris, dnsNames, ipAddresses } = template;
  const permitted = { uris: ca?.permittedUris ?? [], dns: ca?.permittedDns ?? [] };
  const named = uris.length + dnsNames.length + ipAddresses.length > 0;
  const constrained = permitted.uris.length + permitted.dns.length > 0;
  return [
    basicConstraints(ca !== null, ca?.pathLength ?? null),
    keyUsage(template.keyUsage),
    ...(template.extendedKeyUsage.length > 0 ? [extendedKeyUsage(template.extendedKeyUsage)] : []),
    ...(named ? [subjectAltName({ uris, dnsNames, ipAddresses })] : []),
    ...subjectKeyOf(template),
    ...(template.authorityKeyId === null ? [] : [authorityKeyIdentifier(template.authorityKeyId)]),
    ...(constrained ? [nameConstraints(permitted)] : []),
    ...(template.crlUrl === undefined ? [] : [crlDistributionPoint(template.crlUrl)]),
    ...accessOf(template),
    ...(template.ocspNoCheck === true ? [ocspNoCheck()] : []),
  ];
}

function subjectKeyOf({ subjectKeyId, spki }: CertificateTemplate): readonly Uint8Array[] {
  if (subjectKeyId === null) return [];
  const id = subjectKeyId === undefined ? keyIdentifier(spki) : Buffer.from(subjectKeyId, 'hex');
  return [subjectKeyIdentifier(id)];
}

function accessOf({ ocspUrl, issuerUrl }: CertificateTemplate): readonly Uint8Array[] {
  if (ocspUrl === undefined && issuerUrl === undefined) return [];
  return [
    authorityInfoAccess({
      ...(ocspUrl !== undefined && { ocsp: ocspUrl }),
      ...(issuerUrl !== undefined && { caIssuers: issuerUrl }),
    }),
  ];
}

/** The magnitude of a serial number in hex. Throws Fault `invalid_input`. */
export function serialOctets(serial: string): Uint8Array {
  // RFC 5280 §4.1.2.2: positive, and at most 20 octets with the sign octet.
  if (!/^([0-9a-f]{2}){1,20}$/.test(serial) || /^0+$/.test(serial)) {
    throw new Fault('invalid_input', 'A serial number is hex of a positive number of at most 20 octets.');
  }
  return new Uint8Array(Buffer.from(serial, 'hex'));
}
