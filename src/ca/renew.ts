import { equalBytes } from '../kernel/bytes.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import { type Certificate, readCertificate } from '../x509/certificate.ts';
import type { CertificateRequest } from '../x509/request.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import type { CertificateRecord } from './certificate-records.ts';
import { certify } from './certify.ts';
import type { Evidence } from './evidence.ts';

/** A renewal: the record of the certificate that authenticated the connection, and a request for a new key. */
export interface RenewalOrder {
  readonly current: Pick<CertificateRecord, 'serial'>;
  readonly request: CertificateRequest;
  /** Milliseconds, or null for the profile's default. */
  readonly requestedLife?: number | null;
  /** How long after its end a certificate may still be renewed, in milliseconds; none unless given. */
  readonly grace?: number;
}

/**
 * Replaces a certificate by one for a new key; every check of a first issuance is made again and the old serial is
 * linked. The old certificate stays valid to its end, so that calls in flight are not cut.
 * Throws Fault `certificate_unknown`, `certificate_revoked`, `certificate_expired`, `renewal_refused`, or what `certify`
 * throws.
 */
export async function renew(order: RenewalOrder, authority: CertificateAuthority): Promise<Certificate> {
  const evidence = await renewalEvidence(order, authority);
  const { request, requestedLife = null } = order;
  const certificate = await certify({ request, evidence, requestedLife }, authority);
  await authority.audit.append({
    type: 'certificate.renewed',
    serial: certificate.serial,
    name: evidence.name,
    kind: evidence.kind,
    replaces: evidence.replaces,
  });
  return certificate;
}

async function renewalEvidence(order: RenewalOrder, authority: CertificateAuthority): Promise<Evidence> {
  const { serial } = order.current;
  const record = await authority.records.find(serial);
  try {
    const { held, current } = renewable(record, order, authority.clock.now());
    return {
      // What began with the login of a person stays known as such, for that login has to hold at every renewal.
      door: held.door.startsWith('person') ? 'person-renewal' : 'renewal',
      name: held.name,
      kind: held.kind,
      owner: held.spiffeId,
      dnsNames: current.dnsNames,
      ipAddresses: current.ipAddresses,
      replaces: held.serial,
    };
  } catch (error) {
    await authority.audit.append({
      type: 'certificate.refused',
      name: record?.name ?? null,
      kind: record?.kind ?? null,
      door: 'renewal',
      replaces: serial,
      code: toFault(error).code,
      reason: toFault(error).message,
    });
    throw error;
  }
}

function renewable(
  record: CertificateRecord | null,
  { request, grace = 0 }: RenewalOrder,
  now: number,
): { readonly held: CertificateRecord; readonly current: Certificate } {
  if (record?.state === 'revoked') {
    throw new Fault(
      'certificate_revoked',
      'A revoked certificate is not renewed. Enrol again with a new join token.',
    );
  }
  if (record?.state !== 'issued' || !record.der) {
    throw new Fault(
      'certificate_unknown',
      'The certificate is not in the issuance record of this authority.',
    );
  }
  // An ephemeral identity is short because its evidence is: it must be proved again, not prolonged.
  if (record.kind === 'ephemeral') {
    throw new Fault('renewal_refused', 'An ephemeral certificate is not renewed. Enrol again.');
  }
  if (now > record.notAfter + grace) {
    throw new Fault(
      'certificate_expired',
      `The certificate ended at ${new Date(record.notAfter).toISOString()} and is not renewed any more. Enrol again with a new join token.`,
    );
  }
  const current = readCertificate(record.der);
  if (equalBytes(current.spki, request.spki)) {
    throw new Fault('renewal_refused', 'A renewal needs a new key; this request is for the old one.');
  }
  return { held: record, current };
}
