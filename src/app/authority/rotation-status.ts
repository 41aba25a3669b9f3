import type { CertificateRecord, CertificateRecords } from '../../ca/certificate-records.ts';
import { isOpen, type JoinTokenRecords } from '../../enrol/join-token/join-token-records.ts';
import { equalBytes } from '../../kernel/bytes.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Issuers } from './open-issuers.ts';

/** How far the replacement of an intermediate has come. Times in epoch milliseconds. */
export type RotationStatus = {
  /** What is replaced; null while that is not known yet. */
  readonly replaces: 'intermediate' | 'root' | null;
  readonly step: 'none' | 'requested' | 'prepared' | 'activated';
  /** When that was. */
  readonly since: number | null;
  readonly issuing: IssuerSummary;
  readonly next: IssuerSummary | null;
  readonly retiring: IssuerSummary | null;
  /**
   * Who got a certificate or a join token before the new root was prepared and has not been heard of since, and so may not know
   * it: how many, and the first of them.
   */
  readonly waiting: number;
  readonly unaware: readonly Unaware[];
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

type Unaware =
  | LeafSummary
  | { readonly joinToken: string; readonly name: string; readonly expiresAt: number };

/** Leaves that are told one by one. */
const mostTold = 50;

export async function rotationStatus(parts: {
  readonly issuers: Issuers;
  readonly store: {
    readonly certificates: CertificateRecords;
    readonly joinTokens: Pick<JoinTokenRecords, 'list'>;
  };
  readonly clock: Clock;
}): Promise<RotationStatus> {
  const { issuing, next, retiring, since } = parts.issuers.kept();
  const beside = retiring ?? next?.signed ?? null;
  const isRoot = beside !== null && !equalBytes(beside.root.der, issuing.root.der);
  const unaware = next && isRoot && since !== null ? await unawareOf(since, parts) : [];
  const left = retiring
    ? await leavesLeft(parts.store.certificates, retiring.certificate, parts.clock.now())
    : [];
  return {
    replaces: beside === null ? null : isRoot ? 'root' : 'intermediate',
    step: retiring ? 'activated' : next?.signed ? 'prepared' : next ? 'requested' : 'none',
    since: retiring || next ? since : null,
    issuing: summaryOf(issuing),
    next: next?.signed ? summaryOf(next.signed) : null,
    retiring: retiring && summaryOf(retiring),
    waiting: unaware.length,
    unaware: unaware.slice(0, mostTold),
    left: left.length,
    leaves: left.slice(0, mostTold).map(leafOf),
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

/** Whoever gets a certificate gets the roots of that moment with it; what was renewed since is not waited for. */
async function unawareOf(
  since: number,
  { issuers, store, clock }: Parameters<typeof rotationStatus>[0],
): Promise<readonly Unaware[]> {
  const now = clock.now();
  const leaves = await leavesLeft(store.certificates, issuers.kept().issuing.certificate, now);
  const tokens = await store.joinTokens.list();
  return [
    ...leaves.filter(({ reservedAt }) => reservedAt < since).map(leafOf),
    ...tokens
      .filter((token) => token.createdAt < since && isOpen(token, now))
      .map(({ id, name, expiresAt }) => ({ joinToken: id, name, expiresAt })),
  ];
}

function leafOf({ serial, kind, name, notAfter }: CertificateRecord): LeafSummary {
  return { serial, kind, name, notAfter };
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
