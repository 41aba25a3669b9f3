import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  assembleCertificate,
  buildTbs,
  type CertificateTemplate,
  keyIdentifier,
  signatureAlgorithmFor,
  signTbs,
  spkiOf,
} from '../x509/build-certificate.ts';
import { toHex } from '../kernel/bytes.ts';
import { randomBytes } from '../kernel/random.ts';
import { type Certificate, readCertificate } from '../x509/certificate.ts';
import { writeName } from '../x509/name.ts';
import { encodePem } from '../x509/pem.ts';

/** The authorities of one trust domain. */
export interface TrustedDomain {
  readonly trustDomain: string;
  /** DER. */
  readonly authorities: readonly Uint8Array[];
}

/**
 * What a listener trusts when authorities of several trust domains may vouch for clients, each for its own and no other.
 * Certificates of authorities seldom say what they may name, so each is certified again, for its own key, name and life,
 * by an anchor that lives as long as this call and says it: a name constraint (RFC 5280 §4.2.1.10) to the trust domain,
 * which OpenSSL holds every chain to. The domain of a SPIFFE ID then shows whose authority the chain ends at.
 * In PEM.
 */
export function clientAnchors(domains: readonly TrustedDomain[]): string {
  const authorities = domains.flatMap(({ trustDomain, authorities: ders }) =>
    ders.map((der) => ({ trustDomain, authority: readCertificate(der) })),
  );
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // An authority that had this name would be taken for the anchor, so nobody can know it beforehand.
  const anchorName = { commonName: `countersign anchor ${toHex(randomBytes(16))}` };
  const issuerDer = writeName(anchorName);
  const anchor = sign(
    {
      ...shared,
      serial: '01',
      subject: anchorName,
      issuerDer,
      notBefore: Math.min(...authorities.map(({ authority }) => authority.notBefore)),
      notAfter: Math.max(...authorities.map(({ authority }) => authority.notAfter)),
      spki: spkiOf(privateKey),
      ca: { pathLength: null },
      authorityKeyId: null,
    },
    privateKey,
  );
  const constrained = authorities.map(({ trustDomain, authority }) =>
    constrainedTo(trustDomain, authority, { issuerDer, key: privateKey }),
  );
  return [anchor, ...constrained].map((der) => encodePem('CERTIFICATE', der)).join('');
}

const shared = {
  subject: { commonName: '-' },
  keyUsage: ['keyCertSign'],
  extendedKeyUsage: [],
  uris: [],
  dnsNames: [],
  ipAddresses: [],
} as const;

function constrainedTo(
  trustDomain: string,
  authority: Certificate,
  anchor: { readonly issuerDer: Uint8Array; readonly key: KeyObject },
): Uint8Array {
  const { serial, subjectDer, subjectKeyId, notBefore, notAfter, spki, pathLength } = authority;
  return sign(
    {
      ...shared,
      // Certificates below may name it by its serial and by its key identifier.
      serial,
      subjectDer,
      subjectKeyId,
      issuerDer: anchor.issuerDer,
      notBefore,
      notAfter,
      spki,
      ca: { pathLength, permittedUris: [trustDomain] },
      authorityKeyId: toHex(keyIdentifier(spkiOf(anchor.key))),
    },
    anchor.key,
  );
}

function sign(template: CertificateTemplate, key: KeyObject): Uint8Array {
  const algorithm = signatureAlgorithmFor(key);
  const tbs = buildTbs(template, algorithm);
  return assembleCertificate(tbs, algorithm, signTbs(tbs, key));
}
