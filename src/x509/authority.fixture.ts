import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  assembleCertificate,
  buildTbs,
  type CertificateTemplate,
  signatureAlgorithmFor,
  signTbs,
  spkiOf,
} from './build-certificate.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { writeName } from './name.ts';

/** A self-signed authority with a key of its own, changed as told; `key` signs, whatever the change says. */
export function anAuthority(
  changes: Partial<CertificateTemplate> = {},
  key: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
): Certificate {
  const subject = { commonName: 'acme root' };
  const template: CertificateTemplate = {
    serial: '2a',
    issuerDer: writeName(changes.subject ?? subject),
    subject,
    notBefore: Date.UTC(2026, 0, 1),
    notAfter: Date.UTC(2036, 0, 1),
    spki: spkiOf(key),
    ca: { pathLength: null },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    uris: [],
    dnsNames: [],
    ipAddresses: [],
    authorityKeyId: null,
    ...changes,
  };
  const algorithm = signatureAlgorithmFor(key);
  const tbs = buildTbs(template, algorithm);
  return readCertificate(assembleCertificate(tbs, algorithm, signTbs(tbs, key)));
}
