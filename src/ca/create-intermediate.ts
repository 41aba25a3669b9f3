import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { toHex } from '../kernel/bytes.ts';
import { randomBytes } from '../kernel/random.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { AuthorityOptions, NewAuthority } from './create-authority.ts';
import { type CaTemplate, signCaCertificateHere } from './sign-ca-certificate.ts';

const year = 365 * 24 * 60 * 60 * 1000;

/**
 * A new intermediate under a root: path length 0, and constrained to the trust domain (RFC 5280 §4.2.1.10), so that even
 * its stolen key names nothing else. IP addresses stay open: an address belongs to no domain.
 */
export function intermediateTemplate(
  rootCertificate: Certificate,
  publicKey: KeyObject,
  options: AuthorityOptions,
): CaTemplate {
  const { trustDomain, clock, intermediateLife = year, organization } = options;
  return {
    // A subject of its own per intermediate: a chain is never ambiguous after a rotation.
    subject: {
      commonName: `${trustDomain} intermediate ${toHex(randomBytes(4))}`,
      ...(organization ? { organization } : {}),
    },
    issuer: rootCertificate,
    publicKey,
    now: clock.now(),
    life: intermediateLife,
    ca: {
      pathLength: 0,
      permittedUris: [trustDomain],
      permittedDns: options.permittedDns ?? [trustDomain, 'localhost'],
    },
  };
}

/** Such an intermediate with a new P-256 key of this process. */
export function createIntermediate(
  rootCertificate: Certificate,
  rootKey: KeyObject,
  options: AuthorityOptions,
): Pick<NewAuthority, 'intermediateKey' | 'intermediateCertificate'> {
  const intermediateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const template = intermediateTemplate(rootCertificate, createPublicKey(intermediateKey), options);
  return { intermediateKey, intermediateCertificate: signCaCertificateHere(template, rootKey) };
}
