import { generateKeyPairSync, hash } from 'node:crypto';
import { Fault } from '../kernel/fault.ts';
import type { CrlEntry } from '../x509/build-crl.ts';
import { assembleCertificate, buildTbs, signTbs, spkiOf } from '../x509/build-certificate.ts';
import { type Certificate, isSignedBy, readCertificate } from '../x509/certificate.ts';
import { keyBits } from '../x509/extensions.ts';
import { type OcspQuestion, readCertId, writeCertId } from '../x509/ocsp-request.ts';
import {
  assembleOcsp,
  buildOcspTbs,
  isOcspSignedBy,
  type OcspStatus,
  readOcspResponse,
} from '../x509/ocsp-response.ts';
import { toHex } from '../kernel/bytes.ts';
import { drawSerial } from './draw-serial.ts';
import type { SigningKey } from './issuer.ts';
import { keyIdOf } from './publication-urls.ts';
import { maySignCrls, rootCrlLife } from './root-crl.ts';

/** What clients ask under: OpenSSL and Java under SHA-1 (RFC 5019 §2.1.1), newer ones under SHA-256. */
const askedUnder = ['sha1', 'sha256'] as const;
const backdate = 60_000;

/**
 * Signs what OCSP is to say of the intermediates of a root, for as long as the root's CRL says it: one response for each
 * and each hash that clients ask under. A responder signs whose key is made here and kept nowhere, so that nobody but the
 * holder of the root key can ever say that an intermediate is good. Nothing for a root that may not sign CRLs, which says
 * nothing of what it revokes. Throws Fault `lint_failed`, and whatever the key throws.
 */
export async function signRootOcsp(
  order: {
    readonly root: Certificate;
    /** Serials of those that are to be answered for beside the revoked ones. */
    readonly intermediates: readonly string[];
    /** What the root's CRL lists. */
    readonly entries: readonly CrlEntry[];
    /** Epoch milliseconds. */
    readonly now: number;
  },
  rootKey: SigningKey,
): Promise<readonly Uint8Array[]> {
  const { root, intermediates, entries, now } = order;
  if (!maySignCrls(root)) return [];
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const responder = await certifyResponder(root, { spki: spkiOf(publicKey), now }, rootKey);
  const revoked = new Map(entries.map((entry) => [entry.serial, entry]));
  const serials = new Set([...intermediates, ...revoked.keys()]);
  return [...serials].flatMap((serial) =>
    askedUnder.map((hashAlgorithm) => {
      const answer = {
        certId: certIdOf(root, serial, hashAlgorithm),
        status: statusOf(revoked.get(serial)),
        thisUpdate: responder.notBefore,
        nextUpdate: responder.notAfter,
      };
      const responderKeyHash = hash('sha1', keyBits(responder.spki), 'buffer');
      const tbs = buildOcspTbs({ responderKeyHash, producedAt: now, answers: [answer], nonce: null });
      const der = assembleOcsp(tbs, 'ecdsa-with-SHA256', signTbs(tbs, privateKey), responder.der);
      if (readRootAnswer(der, root)) return der;
      throw new Fault('lint_failed', 'The OCSP response about an intermediate is not what was meant.');
    }),
  );
}

/** A certificate for signing these responses alone (RFC 6960 §4.2.2.2); it names nobody, so it is nobody to a gateway. */
async function certifyResponder(
  root: Certificate,
  { spki, now }: { readonly spki: Uint8Array; readonly now: number },
  key: SigningKey,
): Promise<Certificate> {
  const wholeSecond = (time: number): number => Math.floor(time / 1_000) * 1_000;
  const tbs = buildTbs(
    {
      serial: drawSerial(),
      issuerDer: root.subjectDer,
      subject: { commonName: 'responder of the root' },
      notBefore: Math.max(wholeSecond(now - backdate), root.notBefore),
      notAfter: Math.min(wholeSecond(now + rootCrlLife), root.notAfter),
      spki,
      ca: null,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['OCSPSigning'],
      uris: [],
      dnsNames: [],
      ipAddresses: [],
      authorityKeyId: keyIdOf(root),
      ocspNoCheck: true,
    },
    key.algorithm,
  );
  const certificate = readCertificate(assembleCertificate(tbs, key.algorithm, await key.sign(tbs)));
  if (isResponderOf(root, certificate)) return certificate;
  throw new Fault('lint_failed', 'The certificate of the OCSP responder of the root is not what was meant.');
}

/** What a response says of one intermediate. Times in epoch milliseconds. */
export interface RootAnswer {
  readonly der: Uint8Array;
  readonly asked: Omit<OcspQuestion, 'certId'>;
  readonly status: OcspStatus;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}

/** Reads a response about one certificate that a root issued, or null when it is none that the root vouches for. */
export function readRootAnswer(der: Uint8Array, root: Certificate): RootAnswer | null {
  try {
    const response = readOcspResponse(der);
    if (typeof response === 'string') return null;
    const [responderDer = new Uint8Array()] = response.certificates;
    const responder = readCertificate(responderDer);
    const [answer, ...more] = response.answers;
    if (!answer || more.length > 0 || !isResponderOf(root, responder)) return null;
    if (!isOcspSignedBy(response, responder.publicKey)) return null;
    const asked = readCertId(answer.certId);
    const algorithm = askedUnder.find((one) => one === asked.hashAlgorithm);
    if (!algorithm) return null;
    const own = readCertId(certIdOf(root, '01', algorithm));
    if (asked.issuerNameHash !== own.issuerNameHash || asked.issuerKeyHash !== own.issuerKeyHash) return null;
    const { status, thisUpdate, nextUpdate } = answer;
    return { der, asked, status, thisUpdate, nextUpdate };
  } catch {
    return null;
  }
}

/** Whether a question is about a certificate that a root issued. */
export function isAskedOfRoot(asked: Omit<OcspQuestion, 'certId'>, root: Certificate): boolean {
  const algorithm = ([...askedUnder, 'sha384', 'sha512'] as const).find((one) => one === asked.hashAlgorithm);
  if (!algorithm) return false;
  const own = readCertId(certIdOf(root, '01', algorithm));
  return asked.issuerNameHash === own.issuerNameHash && asked.issuerKeyHash === own.issuerKeyHash;
}

function isResponderOf(root: Certificate, certificate: Certificate): boolean {
  return (
    !certificate.isCa &&
    certificate.ocspNoCheck &&
    certificate.extendedKeyUsage.join() === 'OCSPSigning' &&
    toHex(certificate.issuerDer) === toHex(root.subjectDer) &&
    isSignedBy(certificate, root.publicKey)
  );
}

function certIdOf(
  root: Certificate,
  serial: string,
  hashAlgorithm: 'sha1' | 'sha256' | 'sha384' | 'sha512',
): Uint8Array {
  return writeCertId({
    hashAlgorithm,
    issuerNameHash: hash(hashAlgorithm, root.subjectDer, 'buffer'),
    issuerKeyHash: hash(hashAlgorithm, keyBits(root.spki), 'buffer'),
    serial,
  });
}

function statusOf(entry: CrlEntry | undefined): OcspStatus {
  return entry ? { kind: 'revoked', at: entry.revokedAt, reason: entry.reason } : { kind: 'good' };
}
