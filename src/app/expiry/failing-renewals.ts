import type { FaultCode } from '../../kernel/fault-codes.ts';
import { toFault } from '../../kernel/fault.ts';

/** A certificate whose renewals fail one after the other. */
export interface FailingRenewal {
  readonly serial: string;
  /** How many failed since the last that did not. */
  readonly count: number;
  /** Why the last one failed. */
  readonly code: FaultCode;
  readonly reason: string;
}

/** One failure may be a restart or a full disk; two in a row are not. */
export const failuresToAlert = 2;
/** How many certificates are remembered; those whose renewal failed longest ago are forgotten first. */
const mostRemembered = 10_000;

/** Counts the renewals that fail. Whoever asks has shown the certificate that is to be renewed. */
export class FailingRenewals {
  private readonly failures = new Map<string, FailingRenewal>();
  private refused = 0;
  private listener: () => void = () => undefined;

  /** Waits for a renewal and counts it; gives back what it gives, or throws what it throws. */
  async count<Value>(serial: string, renewal: Promise<Value>): Promise<Value> {
    try {
      const value = await renewal;
      this.failures.delete(serial);
      return value;
    } catch (error) {
      this.failed(serial, error);
      throw error;
    }
  }

  /** How many renewals failed since the process began. */
  total(): number {
    return this.refused;
  }

  /** Those that have failed often enough. */
  list(): readonly FailingRenewal[] {
    return [...this.failures.values()].filter(({ count }) => count >= failuresToAlert);
  }

  /** Calls the listener when a renewal has failed often enough. It must not throw. */
  onFailing(listener: () => void): void {
    this.listener = listener;
  }

  private failed(serial: string, error: unknown): void {
    const { code, message: reason } = toFault(error);
    // One that waits for an administrator has not failed.
    if (code === 'approval_pending') return;
    this.refused += 1;
    // Somebody revoked it and knows.
    if (code === 'certificate_revoked') return;
    const count = (this.failures.get(serial)?.count ?? 0) + 1;
    // Put last: the first is the one that failed longest ago.
    this.failures.delete(serial);
    this.failures.set(serial, { serial, count, code, reason });
    const [oldest] = this.failures.keys();
    if (this.failures.size > mostRemembered && oldest !== undefined) this.failures.delete(oldest);
    if (count === failuresToAlert) this.listener();
  }
}
