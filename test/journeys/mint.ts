import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { drawSerial } from '../../src/ca/draw-serial.ts';
import type { HardwareKey } from '../../src/ca/evidence.ts';
import { pemOfCertificate } from '../../src/ca/pem-of-certificate.ts';
import {
  assembleCertificate,
  buildTbs,
  type CertificateTemplate,
  signatureAlgorithmFor,
  signTbs,
  spkiOf,
} from '../../src/x509/build-certificate.ts';
import { leafProfiles, leafUri, type LeafKind } from '../../src/x509/leaf-profile.ts';
import type { Presentable, Town } from './deployment.ts';

export interface Minting {
  readonly name?: string;
  readonly kind?: LeafKind;
  /** What differs from a certificate that fits its profile. */
  readonly changes?: Partial<CertificateTemplate>;
  /** Whether the authority has it on record, as if it had issued it. */
  readonly recorded?: boolean;
  /** Who signs, in place of the authority. */
  readonly signer?: { readonly key: KeyObject; readonly chain: string };
  readonly key?: KeyObject;
  /** What its record says of the hardware of its key. */
  readonly hardware?: HardwareKey;
}

const minute = 60_000;

/**
 * A certificate as somebody with the authority's key could make it, past every check of issuing: only those who read it
 * stand in its way.
 */
export async function mint(
  town: Town,
  minting: Minting = {},
): Promise<Presentable & { readonly serial: string }> {
  const { issuer, store } = town.deployment.authority;
  const { name = 'ci-bot', kind = 'agent', recorded = true, signer } = minting;
  const key = minting.key ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const second = Math.floor(Date.now() / 1_000) * 1_000;
  const template: CertificateTemplate = {
    serial: drawSerial(),
    issuerDer: issuer.certificate.subjectDer,
    subject: { commonName: name },
    notBefore: second - minute,
    notAfter: second + 30 * minute,
    spki: spkiOf(key),
    ca: null,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: leafProfiles[kind].extendedKeyUsage,
    uris: [leafUri(issuer.trustDomain, kind, name)],
    dnsNames: [],
    ipAddresses: [],
    authorityKeyId: issuer.certificate.subjectKeyId,
    ...minting.changes,
  };
  const algorithm = signer ? signatureAlgorithmFor(signer.key) : issuer.key.algorithm;
  const tbs = buildTbs(template, algorithm);
  const signature = signer ? signTbs(tbs, signer.key) : await issuer.key.sign(tbs);
  const der = assembleCertificate(tbs, algorithm, signature);
  const { serial, notBefore, notAfter } = template;
  if (recorded) {
    const spiffeId = leafUri(issuer.trustDomain, kind, name);
    await store.certificates.reserve({
      serial,
      name,
      kind,
      spiffeId,
      state: 'reserved',
      notBefore,
      notAfter,
      reservedAt: Date.now(),
      tbsHash: '',
      der: null,
      replaces: null,
      door: 'test',
      revokedAt: null,
      reason: null,
      revocation: null,
      keyHash: null,
      issuer: null,
      hardware: minting.hardware ?? null,
    });
    await store.certificates.complete(serial, der);
  }
  const chain = signer?.chain ?? pemOfCertificate(issuer.certificate.der);
  return {
    ca: town.deployment.authority.describe().roots,
    cert: pemOfCertificate(der) + chain,
    key: key.export({ type: 'pkcs8', format: 'pem' }),
    serial,
  };
}
