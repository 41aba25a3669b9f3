import type { Issuer } from '../ca/issuer.ts';
import { pemOfCertificate } from '../ca/pem-of-certificate.ts';
import { renewalWindow } from '../ca/renewal-window.ts';
import type { Certificate } from '../x509/certificate.ts';

/** An issued certificate as it is handed over. Times in epoch milliseconds. */
export interface Delivery {
  readonly serial: string;
  readonly spiffeId: string;
  /** Leaf, then intermediate, in PEM: what a TLS peer presents (RFC 8446 §4.4.2 lets the root be left out). */
  readonly certificate: string;
  /** The roots to trust, in PEM. */
  readonly roots: string;
  readonly notAfter: number;
  readonly renewAt: number;
}

/** Packs a certificate for the one who asked for it. */
export function deliver(certificate: Certificate, issuer: Issuer): Delivery {
  return {
    serial: certificate.serial,
    spiffeId: certificate.uris[0] ?? '',
    certificate: pemOfCertificate(certificate.der) + pemOfCertificate(issuer.certificate.der),
    roots: rootsOf(issuer),
    notAfter: certificate.notAfter,
    renewAt: renewalWindow(certificate).at,
  };
}

/** The roots of an issuer in PEM: of its chain, what is its own issuer. */
export function rootsOf(issuer: Issuer): string {
  return rootCertificates(issuer)
    .map(({ der }) => pemOfCertificate(der))
    .join('');
}

/** The root certificates of an issuer's chain. */
export function rootCertificates(issuer: Issuer): readonly Certificate[] {
  return issuer.chain.filter((link) => Buffer.compare(link.issuerDer, link.subjectDer) === 0);
}
