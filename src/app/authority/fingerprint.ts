import { sha256, toHex } from '../../kernel/bytes.ts';
import type { Certificate } from '../../x509/certificate.ts';

/** `sha256:<hex>` of a certificate's DER: what a person compares. */
export function fingerprintOf(certificate: Certificate): string {
  return `sha256:${toHex(sha256(certificate.der))}`;
}
