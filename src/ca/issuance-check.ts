import type { ApprovedRequest } from './approve.ts';
import type { Evidence } from './evidence.ts';

/** Port: what has to agree as well before a certificate is issued or renewed, such as the device that it is for. */
export interface IssuanceCheck {
  /** Throws Fault when the certificate is not issued, `approval_pending` when it is not issued yet. */
  check(approved: ApprovedRequest, evidence: Evidence): Promise<void>;
}
