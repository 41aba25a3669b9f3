import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { type Issuer, issuerOf, rootsOf } from '../ca/issuer.ts';
import { pemOfCertificate } from '../ca/pem-of-certificate.ts';
import { renewalWindow } from '../ca/renewal-window.ts';
import { Fault } from '../kernel/fault.ts';
import type { Certificate } from '../x509/certificate.ts';

/** An issued certificate as it is handed over. Times in epoch milliseconds. */
export interface Delivery {
  readonly serial: string;
  readonly spiffeId: string;
  /** Leaf, then intermediate, in PEM: what a TLS peer presents. RFC 8446 §4.4.2 lets the root be left out. */
  readonly certificate: string;
  /** The roots to trust, in PEM: that of the issuer first, and while it is being replaced the other one. */
  readonly roots: string;
  readonly notAfter: number;
  readonly renewAt: number;
}

/**
 * Packs a certificate for the one who asked for it. Throws Fault `not_found` for one whose issuer is retired: nothing leads
 * from it to a root any more.
 */
export function deliver(
  certificate: Certificate,
  { issuers }: Pick<CertificateAuthority, 'issuers'>,
): Delivery {
  const issuer = issuerOf(certificate, issuers());
  if (!issuer) throw new Fault('not_found', 'The intermediate that issued this certificate is retired.');
  return {
    serial: certificate.serial,
    spiffeId: certificate.uris[0] ?? '',
    certificate: pemOfCertificate(certificate.der) + pemOfCertificate(issuer.certificate.der),
    roots: rootsOf([issuer, ...issuers()])
      .map(({ der }) => pemOfCertificate(der))
      .join(''),
    notAfter: certificate.notAfter,
    renewAt: renewalWindow(certificate).at,
  };
}

/** The root at the end of an issuer's chain. Throws Fault `state_damaged` when the chain is empty. */
export function rootOf(issuer: Issuer): Certificate {
  const root = issuer.chain.at(-1);
  if (!root) throw new Fault('state_damaged', 'The issuer has no chain to its root.');
  return root;
}
