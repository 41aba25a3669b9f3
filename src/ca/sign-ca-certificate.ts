import { createPublicKey, type KeyObject } from 'node:crypto';
import { equalBytes } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import {
  assembleCertificate,
  buildTbs,
  type CertificateTemplate,
  signatureAlgorithmFor,
  signTbs,
  spkiOf,
} from '../x509/build-certificate.ts';
import { type Certificate, isSignedBy, readCertificate } from '../x509/certificate.ts';
import { writeName } from '../x509/name.ts';
import { drawSerial } from './draw-serial.ts';

/** A root or an intermediate to be. */
export interface CaTemplate {
  readonly subject: CertificateTemplate['subject'];
  /** The certificate above, or null for a root, which is its own issuer. */
  readonly issuer: Certificate | null;
  readonly publicKey: KeyObject;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Milliseconds; cut to the issuer's. */
  readonly life: number;
  readonly ca: NonNullable<CertificateTemplate['ca']>;
}

const second = 1000;

/**
 * Signs a CA certificate (RFC 5280 §4.2.1.3, §4.2.1.9) and holds what was signed to what was meant.
 * Throws Fault `lint_failed`.
 */
export function signCaCertificate(template: CaTemplate, key: KeyObject): Certificate {
  const { issuer, now, life } = template;
  const notAfter = Math.floor((now + life) / second) * second;
  const whole: CertificateTemplate = {
    serial: drawSerial(),
    issuerDer: issuer?.subjectDer ?? writeName(template.subject),
    subject: template.subject,
    notBefore: Math.max(Math.floor(now / second) * second - 60 * second, issuer?.notBefore ?? 0),
    notAfter: Math.min(notAfter, issuer?.notAfter ?? notAfter),
    spki: spkiOf(template.publicKey),
    ca: template.ca,
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    uris: [],
    dnsNames: [],
    ipAddresses: [],
    authorityKeyId: issuer?.subjectKeyId ?? null,
  };
  const algorithm = signatureAlgorithmFor(key);
  const tbs = buildTbs(whole, algorithm);
  const certificate = readCertificate(assembleCertificate(tbs, algorithm, signTbs(tbs, key)));
  const sound =
    certificate.isCa &&
    certificate.pathLength === template.ca.pathLength &&
    equalBytes(certificate.spki, whole.spki) &&
    certificate.notBefore < certificate.notAfter &&
    isSignedBy(certificate, createPublicKey(key));
  if (!sound) {
    throw new Fault('lint_failed', 'The new CA certificate is not what was meant, and was thrown away.');
  }
  return certificate;
}
