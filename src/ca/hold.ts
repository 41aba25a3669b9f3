import { Fault } from '../kernel/fault.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';
import type { CertificateRecord } from './certificate-records.ts';

/** Whether revoking changes anything: what is revoked for good stays so, and what is on hold may yet be. */
export function mayRevoke(
  { state, revocation: before }: Pick<CertificateRecord, 'state' | 'revocation'>,
  revocation: RevocationReason,
): boolean {
  if (state !== 'revoked') return true;
  return before === 'certificateHold' && revocation !== 'certificateHold';
}

/** The state that a certificate on hold goes back to. Throws Fault `conflict` for one that is revoked for good. */
export function stateAfterHold({
  serial,
  revocation,
  der,
}: Pick<CertificateRecord, 'serial' | 'revocation' | 'der'>): 'issued' | 'abandoned' {
  if (revocation === 'certificateHold') return der === null ? 'abandoned' : 'issued';
  throw new Fault(
    'conflict',
    `The certificate with serial ${serial} is revoked for good; only one on hold can be reinstated. Issue a new one.`,
  );
}
