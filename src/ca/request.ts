import { Fault } from '../kernel/fault.ts';
import { decodePem } from '../x509/pem.ts';
import { type CertificateRequest, readRequestAside } from '../x509/request.ts';

const greatestLength = 64 * 1024;

/**
 * Reads one PKCS #10 request in PEM and verifies that the sender holds its key (RFC 2986 §4.2).
 * Throws Fault `too_large`, `malformed_pem`, `malformed_der`, `request_invalid` or `key_unacceptable`.
 */
export async function readPemRequest(pem: string): Promise<CertificateRequest> {
  if (pem.length > greatestLength) {
    throw new Fault('too_large', `A certificate request is at most ${greatestLength} characters long.`);
  }
  const [der, ...more] = decodePem(pem, 'CERTIFICATE REQUEST');
  if (!der || more.length > 0) {
    throw new Fault('request_invalid', 'Send exactly one certificate request.');
  }
  return await readRequestAside(der);
}
