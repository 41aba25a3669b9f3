import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import type { Certificate } from '../x509/certificate.ts';
import { checkTrustDomain } from '../x509/spiffe-id.ts';
import { createIntermediate } from './create-intermediate.ts';
import { signCaCertificate } from './sign-ca-certificate.ts';

/** The keys and certificates of a new authority. */
export interface NewAuthority {
  readonly rootKey: KeyObject;
  readonly rootCertificate: Certificate;
  readonly intermediateKey: KeyObject;
  readonly intermediateCertificate: Certificate;
}

export interface AuthorityOptions {
  readonly trustDomain: string;
  readonly clock: Clock;
  /** Milliseconds; one year unless given, never beyond the root. */
  readonly intermediateLife?: number;
  readonly organization?: string;
  /** DNS domains that servers and gateways may be named in; the trust domain and localhost unless given. */
  readonly permittedDns?: readonly string[];
}

const year = 365 * 24 * 60 * 60 * 1000;

/**
 * Makes a root (P-256, ten years unless given, for signing intermediates alone) and an intermediate below it that can
 * name only the trust domain. Throws Fault `invalid_input` for a trust domain that SPIFFE does not allow.
 */
export function createAuthority(options: AuthorityOptions & { readonly rootLife?: number }): NewAuthority {
  const { trustDomain, clock, rootLife = 10 * year, organization } = options;
  checkTrustDomain(trustDomain);
  const rootKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const rootCertificate = signCaCertificate(
    {
      subject: { commonName: `${trustDomain} root`, ...(organization ? { organization } : {}) },
      issuer: null,
      publicKey: createPublicKey(rootKey),
      now: clock.now(),
      life: rootLife,
      ca: { pathLength: 1 },
    },
    rootKey,
  );
  return { rootKey, rootCertificate, ...createIntermediate(rootCertificate, rootKey, options) };
}
