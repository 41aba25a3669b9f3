import { toFault } from '../kernel/fault.ts';
import type { Certificate } from '../x509/certificate.ts';
import { approve, type ApprovedRequest, type CertificateOrder } from './approve.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { issue } from './issue.ts';

/**
 * From evidence to certificate: approve, ask what else has to agree, then issue. A refusal is in the log before the caller hears of it. `lastly` is done in
 * between: what may happen once only, and not for a request that is refused; what it throws ends the order.
 */
export async function certify(
  order: CertificateOrder,
  authority: CertificateAuthority,
  lastly?: () => Promise<void>,
): Promise<Certificate> {
  const approved = await approveOrRecord(order, authority);
  await lastly?.();
  return issue(approved, authority);
}

async function approveOrRecord(
  order: CertificateOrder,
  authority: CertificateAuthority,
): Promise<ApprovedRequest> {
  try {
    const approved = await approve(order, authority);
    for (const each of authority.checks) await each.check(approved, order.evidence);
    return approved;
  } catch (error) {
    const { name, kind, door, replaces } = order.evidence;
    const { code, message } = toFault(error);
    // It is in the log once as asked for, and was not refused.
    if (code === 'approval_pending') throw error;
    await authority.audit.append({
      type: 'certificate.refused',
      name,
      kind,
      door,
      replaces,
      code,
      reason: message,
    });
    throw error;
  }
}
