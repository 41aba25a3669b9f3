import { constants } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { Fault } from '../kernel/fault.ts';
import type { TlsMaterial } from './exchange.ts';

/** How a listener speaks TLS. */
export interface ListenTls {
  readonly material: TlsMaterial;
  /** `optional`: asked for, may be absent; one that does not verify is refused, not ignored. */
  readonly clientCertificate: 'required' | 'optional' | 'never';
  readonly minimumVersion: 'TLSv1.3' | 'TLSv1.2';
}

/** Key exchange groups, first choice first: the hybrid that a recorded session cannot be opened with later. */
export const keyExchangeGroups = 'X25519MLKEM768:X25519:P-256:P-384';

export const handshakeMilliseconds = 10_000;

/** What is the listener's for its whole life. Throws Fault `config_invalid`. */
export function tlsServerOptions(tls: ListenTls): TlsOptions {
  return {
    ...secureContextOptions(tls),
    ALPNProtocols: ['http/1.1'],
    requestCert: tls.clientCertificate !== 'never',
    rejectUnauthorized: tls.clientCertificate === 'required',
  };
}

/** What may be replaced while the listener is open. Throws Fault `config_invalid` for material that does not load. */
export function secureContextOptions(tls: ListenTls): SecureContextOptions {
  const { certificate, key, clientAuthorities } = tls.material;
  const asks = tls.clientCertificate !== 'never';
  if (asks && clientAuthorities.trim() === '') {
    // Without `ca` Node would trust every public authority.
    throw new Fault(
      'config_invalid',
      'A listener that asks for client certificates needs authorities to trust.',
    );
  }
  const options: SecureContextOptions = {
    cert: certificate,
    key,
    ...(asks ? { ca: clientAuthorities } : {}),
    minVersion: tls.minimumVersion,
    ecdhCurve: keyExchangeGroups,
    // Resuming a session skips the checks of the handshake: expiry, chain, constraints. Renegotiating one (TLS 1.2) would
    // let a certificate take the place of the one that was looked at.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
  try {
    createSecureContext(options);
  } catch (cause) {
    throw new Fault('config_invalid', `The TLS certificate or key does not load: ${String(cause)}`, {
      cause,
    });
  }
  return options;
}
