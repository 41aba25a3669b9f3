import type { CertificateRecord, CertificateRecords } from '../../ca/certificate-records.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Issuers } from './open-issuers.ts';

/** How far the replacement of an intermediate has come. Times in epoch milliseconds. */
export type RotationStatus = {
  readonly step: 'none' | 'requested' | 'prepared' | 'activated';
  /** When that was. */
  readonly since: number | null;
  readonly issuing: IssuerSummary;
  readonly next: IssuerSummary | null;
  readonly retiring: IssuerSummary | null;
  /** Certificates in force of the one before, which keep it from being retired: how many, and the first of them. */
  readonly left: number;
  readonly leaves: readonly LeafSummary[];
};

type IssuerSummary = {
  /** Key identifier, in hex. */
  readonly issuer: string;
  readonly serial: string;
  readonly name: string | null;
  readonly notAfter: number;
  readonly rootFingerprint: string;
};

type LeafSummary = Pick<CertificateRecord, 'serial' | 'kind' | 'name' | 'notAfter'>;

/** Leaves that are told one by one. */
const mostTold = 50;

export async function rotationStatus(parts: {
  readonly issuers: Issuers;
  readonly store: { readonly certificates: CertificateRecords };
  readonly clock: Clock;
}): Promise<RotationStatus> {
  const { issuing, next, retiring, since } = parts.issuers.kept();
  const left = retiring
    ? await leavesLeft(parts.store.certificates, retiring.certificate, parts.clock.now())
    : [];
  return {
    step: retiring ? 'activated' : next?.signed ? 'prepared' : next ? 'requested' : 'none',
    since: retiring || next ? since : null,
    issuing: summaryOf(issuing),
    next: next?.signed ? summaryOf(next.signed) : null,
    retiring: retiring && summaryOf(retiring),
    left: left.length,
    leaves: left
      .slice(0, mostTold)
      .map(({ serial, kind, name, notAfter }) => ({ serial, kind, name, notAfter })),
  };
}

/**
 * What an issuer has issued and is neither over nor renewed, the responder's own certificates aside; the last to end first.
 */
export async function leavesLeft(
  records: Pick<CertificateRecords, 'list'>,
  issuer: Certificate,
  now: number,
): Promise<readonly CertificateRecord[]> {
  const of = { issuer: keyIdOf(issuer), endsFrom: now, notReplaced: true } as const;
  // One that is being issued right now counts too.
  const found = [
    ...(await records.list({ ...of, state: 'issued' })),
    ...(await records.list({ ...of, state: 'reserved' })),
  ];
  return found.filter(({ kind }) => kind !== 'ocsp').sort((a, b) => b.notAfter - a.notAfter);
}

function summaryOf(of: { readonly certificate: Certificate; readonly root: Certificate }): IssuerSummary {
  const { certificate, root } = of;
  return {
    issuer: keyIdOf(certificate),
    serial: certificate.serial,
    name: certificate.commonName,
    notAfter: certificate.notAfter,
    rootFingerprint: fingerprintOf(root),
  };
}
