import type { Certificate } from './certificate.ts';
import { checkNoAuthority, checkSerialAndKey, misfit, onlySpiffeId } from './leaf-profile.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** The longest SPIFFE ID that a caller of another trust domain may have; it stands in every record of its calls. */
const longestId = 512;

const usages: readonly string[] = ['clientAuth', 'serverAuth'];

/**
 * Holds the leaf of another trust domain to what X509-SVID §4 and §5 say, and to what every leaf here is held to: one
 * SPIFFE ID and no other URI, for authenticating clients, no CA, an accepted key. DNS names and IP addresses may stand
 * beside the SPIFFE ID; nobody looks at them. Throws Fault `certificate_profile`.
 */
export function checkForeignLeaf(certificate: Certificate): SpiffeId {
  const spiffeId = onlySpiffeId(certificate);
  if (spiffeId.uri.length > longestId) throw misfit(`its SPIFFE ID is longer than ${longestId} characters`);
  const { extendedKeyUsage } = certificate;
  if (
    !extendedKeyUsage.includes('clientAuth') ||
    !extendedKeyUsage.every((usage) => usages.includes(usage))
  ) {
    throw misfit('its extended key usage is not clientAuth, alone or with serverAuth');
  }
  checkNoAuthority(certificate);
  if (certificate.otherNames > 0) {
    throw misfit('it carries names that are neither DNS names nor IP addresses beside its SPIFFE ID');
  }
  if (certificate.unknownCritical.length > 0) throw misfit('it has a critical extension that is not known');
  if (certificate.notAfter <= certificate.notBefore) throw misfit('it ends before it starts');
  checkSerialAndKey(certificate);
  return spiffeId;
}
