import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { toHex } from '../kernel/bytes.ts';
import { randomBytes } from '../kernel/random.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { AuthorityOptions, NewAuthority } from './create-authority.ts';
import { signCaCertificate } from './sign-ca-certificate.ts';

const year = 365 * 24 * 60 * 60 * 1000;

/**
 * A new intermediate under a root: P-256, path length 0, and constrained to the trust domain (RFC 5280 §4.2.1.10), so
 * that even its stolen key names nothing else. IP addresses stay open: an address belongs to no domain.
 */
export function createIntermediate(
  rootCertificate: Certificate,
  rootKey: KeyObject,
  options: AuthorityOptions,
): Pick<NewAuthority, 'intermediateKey' | 'intermediateCertificate'> {
  const { trustDomain, clock, intermediateLife = year, organization } = options;
  const intermediateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const intermediateCertificate = signCaCertificate(
    {
      // A subject of its own per intermediate: a chain is never ambiguous after a rotation.
      subject: {
        commonName: `${trustDomain} intermediate ${toHex(randomBytes(4))}`,
        ...(organization ? { organization } : {}),
      },
      issuer: rootCertificate,
      publicKey: createPublicKey(intermediateKey),
      now: clock.now(),
      life: intermediateLife,
      ca: {
        pathLength: 0,
        permittedUris: [trustDomain],
        permittedDns: options.permittedDns ?? [trustDomain, 'localhost'],
      },
    },
    rootKey,
  );
  return { intermediateKey, intermediateCertificate };
}
