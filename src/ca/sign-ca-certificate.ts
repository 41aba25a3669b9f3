import { createPublicKey, type KeyObject } from 'node:crypto';
import { equalBytes } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import {
  assembleCertificate,
  buildTbs,
  type CertificateTemplate,
  type SignatureAlgorithm,
  signatureAlgorithmFor,
  signTbs,
  spkiOf,
} from '../x509/build-certificate.ts';
import { type Certificate, isSignedBy, readCertificate } from '../x509/certificate.ts';
import { writeName } from '../x509/name.ts';
import { drawSerial } from './draw-serial.ts';
import type { SigningKey } from './issuer.ts';

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
 * Throws Fault `lint_failed`, and whatever the key throws.
 */
export async function signCaCertificate(template: CaTemplate, key: SigningKey): Promise<Certificate> {
  const draft = draftOf(template, key.algorithm);
  return finish(draft, await key.sign(draft.tbs), key.publicKey);
}

/** The same with a key of this process. */
export function signCaCertificateHere(template: CaTemplate, key: KeyObject): Certificate {
  const draft = draftOf(template, signatureAlgorithmFor(key));
  return finish(draft, signTbs(draft.tbs, key), key);
}

interface Draft {
  readonly template: CertificateTemplate;
  readonly ca: CaTemplate['ca'];
  readonly algorithm: SignatureAlgorithm;
  readonly tbs: Uint8Array;
}

function draftOf(asked: CaTemplate, algorithm: SignatureAlgorithm): Draft {
  const { issuer, now, life } = asked;
  const notAfter = Math.floor((now + life) / second) * second;
  const template: CertificateTemplate = {
    serial: drawSerial(),
    issuerDer: issuer?.subjectDer ?? writeName(asked.subject),
    subject: asked.subject,
    notBefore: Math.max(Math.floor(now / second) * second - 60 * second, issuer?.notBefore ?? 0),
    notAfter: Math.min(notAfter, issuer?.notAfter ?? notAfter),
    spki: spkiOf(asked.publicKey),
    ca: asked.ca,
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    uris: [],
    dnsNames: [],
    ipAddresses: [],
    authorityKeyId: issuer?.subjectKeyId ?? null,
  };
  return { template, ca: asked.ca, algorithm, tbs: buildTbs(template, algorithm) };
}

function finish(draft: Draft, signature: Uint8Array, signer: KeyObject): Certificate {
  const { template, tbs } = draft;
  const certificate = readCertificate(assembleCertificate(tbs, draft.algorithm, signature));
  const sound =
    equalBytes(certificate.tbs, tbs) &&
    certificate.isCa &&
    certificate.pathLength === draft.ca.pathLength &&
    equalBytes(certificate.spki, template.spki) &&
    certificate.notBefore < certificate.notAfter &&
    isSignedBy(certificate, signer.type === 'private' ? createPublicKey(signer) : signer);
  if (!sound) {
    throw new Fault('lint_failed', 'The new CA certificate is not what was meant, and was thrown away.');
  }
  return certificate;
}
