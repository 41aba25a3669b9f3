import { equalBytes, sha256Base64url } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { assembleCertificate, type CertificateTemplate } from '../x509/build-certificate.ts';
import { type Certificate, isSignedByAside, readCertificateFor } from '../x509/certificate.ts';
import { leafProfiles } from '../x509/leaf-profile.ts';
import { ApprovedRequest } from './approve.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import type { CertificateRecord } from './certificate-records.ts';
import { watchedNow } from './clock-watch.ts';
import { drawSerial } from './draw-serial.ts';
import type { Issuer } from './issuer.ts';
import { leafValidity } from './leaf-validity.ts';
import { LintedTbs } from './linted-tbs.ts';
import { keyIdOf, type PublicationUrls } from './publication-urls.ts';

/**
 * Issues a certificate. The order is the safety argument: what is signed was linted, what was signed is on record, and a
 * power cut between any two steps leaves at worst a reserved serial that is never used again.
 * Throws Fault `clock_behind`, `unavailable`, `lint_failed`, `conflict`, `certificate_revoked`, `audit_unwritable`, or
 * whatever the key or the store throws; after any of them no certificate is in force.
 */
export async function issue(
  approved: ApprovedRequest,
  authority: CertificateAuthority,
): Promise<Certificate> {
  if (!ApprovedRequest.proves(approved)) throw new TypeError('The request was not approved.');
  // Read together: from the next moment on another intermediate may issue.
  const { issuer, urls, records, audit, clock } = authority;
  refuseRevokedIssuer(authority);
  const now = await watchedNow(records, clock);

  // 1  Choose the serial; step 4 makes it ours.
  const serial = drawSerial();

  // 2  Fill the template from the approval alone.
  const template = fill(serial, approved, { issuer, urls }, now);

  // 3  Lint, under a throw-away key.
  const linted = LintedTbs.lint(template, approved, issuer);

  // 4  Record the intent, durably, in the store and in the log. One wait for both: the log may know of an intent that came to
  //    nothing, and nothing is signed before both have it.
  const record = {
    ...intent(template, { approved, linted, issuer }, now),
    ...(authority.instance && { instance: authority.instance }),
  };
  const [kept, logged] = await Promise.allSettled([
    records.reserve(record),
    audit.append({ type: 'certificate.reserved', ...facts(record, approved) }),
  ]);
  if (kept.status === 'rejected') throw kept.reason;
  try {
    if (logged.status === 'rejected') throw logged.reason;

    // 5  Sign.
    const tbs = linted.take();
    const signature = await issuer.key.sign(tbs);

    // 6  Compare what was signed with what was linted.
    const der = assembleCertificate(tbs, issuer.key.algorithm, signature);
    const certificate = await compare(der, tbs, { approved, issuer });

    // 7  Store. From here on the certificate counts as issued.
    await records.complete(serial, certificate.der);
    await checkMeanwhile(approved, authority);

    // 8  Tell the log.
    const { thumbprint } = certificate;
    await audit.append({ type: 'certificate.issued', ...facts(record, approved), thumbprint });
    return certificate;
  } catch (cause) {
    throw await withdraw(serial, cause, authority);
  }
}

function fill(
  serial: string,
  approved: ApprovedRequest,
  { issuer, urls }: Pick<CertificateAuthority, 'issuer' | 'urls'>,
  now: number,
): CertificateTemplate {
  return {
    serial,
    issuerDer: issuer.certificate.subjectDer,
    subject: { commonName: approved.name },
    ...leafValidity(approved.life, now, issuer.certificate),
    spki: approved.spki,
    ca: null,
    keyUsage: leafProfiles[approved.kind].keyUsage,
    extendedKeyUsage: leafProfiles[approved.kind].extendedKeyUsage,
    uris: [approved.spiffeId],
    dnsNames: approved.dnsNames,
    ipAddresses: approved.ipAddresses,
    authorityKeyId: issuer.certificate.subjectKeyId,
    ...pointsOf(serial, approved, urls),
  };
}

/** Where the certificate's standing is published. A responder's own is not asked for (RFC 6960 §4.2.2.2.1). */
function pointsOf(
  serial: string,
  { kind }: ApprovedRequest,
  urls: PublicationUrls | null,
): Pick<CertificateTemplate, 'crlUrl' | 'ocspUrl' | 'issuerUrl' | 'ocspNoCheck'> {
  if (kind === 'ocsp') return { ocspNoCheck: true };
  return urls === null ? {} : { crlUrl: urls.crl(serial), ocspUrl: urls.ocsp, issuerUrl: urls.issuer };
}

function intent(
  template: CertificateTemplate,
  of: { readonly approved: ApprovedRequest; readonly linted: LintedTbs; readonly issuer: Issuer },
  now: number,
): CertificateRecord {
  const { approved, linted, issuer } = of;
  return {
    serial: template.serial,
    name: approved.name,
    kind: approved.kind,
    spiffeId: approved.spiffeId,
    state: 'reserved',
    notBefore: template.notBefore,
    notAfter: template.notAfter,
    reservedAt: now,
    tbsHash: linted.hash,
    der: null,
    replaces: approved.replaces,
    door: approved.door,
    revokedAt: null,
    reason: null,
    revocation: null,
    keyHash: sha256Base64url(approved.spki),
    issuer: keyIdOf(issuer.certificate),
    hardware: approved.hardware,
  };
}

/** What whoever watches the log judges an issuance by. */
function facts(
  record: CertificateRecord,
  { owner }: ApprovedRequest,
): Readonly<Record<string, string | number | null>> {
  const { serial, name, kind, spiffeId, notBefore, notAfter, tbsHash, door, replaces, keyHash } = record;
  return { serial, name, kind, spiffeId, notBefore, notAfter, tbsHash, door, replaces, keyHash, owner };
}

async function compare(
  der: Uint8Array,
  tbs: Uint8Array,
  { approved, issuer }: { readonly approved: ApprovedRequest; readonly issuer: Issuer },
): Promise<Certificate> {
  const certificate = readCertificateFor(approved, der);
  const isMeant = equalBytes(certificate.tbs, tbs);
  if (!isMeant || !(await isSignedByAside(certificate, issuer.certificate.publicKey))) {
    throw new Fault(
      'lint_failed',
      'What came back from the signing key is not the certificate that was checked; it was thrown away.',
    );
  }
  return certificate;
}

function refuseRevokedIssuer({ revokesIssuer }: CertificateAuthority): void {
  if (!revokesIssuer()) return;
  throw new Fault(
    'certificate_revoked',
    'The root has revoked the certificate that issues here. Make a new authority, or a new intermediate below the root.',
  );
}

// A certificate revoked while its renewal was under way must not live on in its successor, nor a key that was blocked.
async function checkMeanwhile(
  { replaces, spki }: ApprovedRequest,
  authority: CertificateAuthority,
): Promise<void> {
  const { records, blockedKeys } = authority;
  refuseRevokedIssuer(authority);
  if (await blockedKeys.isBlocked(sha256Base64url(spki))) {
    throw new Fault('certificate_revoked', 'The key was revoked while its certificate was being issued.');
  }
  if (replaces === null || (await records.find(replaces))?.state !== 'revoked') return;
  throw new Fault('certificate_revoked', 'The certificate was revoked while it was being renewed.');
}

/** Takes an unfinished issuance back. If this fails too, `recoverIssuance` or the absence of a delivery settles it. */
async function withdraw(
  serial: string,
  cause: unknown,
  { records, clock }: CertificateAuthority,
): Promise<unknown> {
  try {
    const record = await records.find(serial);
    if (record?.state === 'reserved') await records.abandon(serial);
    if (record?.state === 'issued') await records.revoke(serial, 'withdrawn before delivery', clock.now());
    return cause;
  } catch (second) {
    return new AggregateError([cause, second], 'Issuing failed, and so did taking it back.');
  }
}
