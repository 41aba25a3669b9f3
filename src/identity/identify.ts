import { readCertificate } from '../x509/certificate.ts';
import { Caller, type CallerContext } from './caller.ts';

/**
 * Who a client certificate names; once per connection. The chain was verified in the handshake, so this holds the
 * leaf to its profile. Throws Fault `malformed_der`, `certificate_profile` or `trust_domain_mismatch`.
 */
export function identify(der: Uint8Array, context: CallerContext): Caller {
  return Caller.of(readCertificate(der), context);
}
