import { encodePem } from '../x509/pem.ts';

/** One certificate as PEM text (RFC 7468 §5). */
export function pemOfCertificate(der: Uint8Array): string {
  return encodePem('CERTIFICATE', der);
}
