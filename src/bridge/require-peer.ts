import { Fault } from '../kernel/fault.ts';
import { type Certificate, readCertificate } from '../x509/certificate.ts';
import { authorityName, checkLeaf } from '../x509/leaf-profile.ts';
import { parseSpiffeId } from '../x509/spiffe-id.ts';

/**
 * Looks at a certificate (DER) whose chain and name were verified. The authority certifies servers too, for the names
 * that their owners ask for, and none of them may stand in for a gateway or for the authority itself. Throws Fault
 * `certificate_profile` or `trust_domain_mismatch`.
 */
export type Inspection = (certificate: Uint8Array) => void;

/** For a gateway: it must be of kind `gateway` and of the trust domain of our own certificate. */
export function requireGateway(own: Pick<Certificate, 'uris'>): Inspection {
  return (der) => {
    const { trustDomain } = spiffeIdOf(own);
    checkLeaf(readCertificate(der), { trustDomain, kinds: ['gateway'] });
  };
}

/** For the authority: its own certificate and no other. `own` is null before our first one, when the root is all we know. */
export function requireAuthority(own: Pick<Certificate, 'uris'> | null): Inspection {
  return (der) => {
    const certificate = readCertificate(der);
    const { trustDomain } = spiffeIdOf(own ?? certificate);
    const { name } = checkLeaf(certificate, { trustDomain, kinds: ['server'] });
    if (name === authorityName) return;
    throw new Fault(
      'certificate_profile',
      `The certificate is that of the server ${name}, not the authority's.`,
    );
  };
}

function spiffeIdOf({ uris: [uri] }: Pick<Certificate, 'uris'>): { readonly trustDomain: string } {
  return parseSpiffeId(uri ?? '');
}
