import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { CertificateRecords } from './certificate-records.ts';

const tolerance = 5 * 60 * 1000;

/**
 * The time, once it is not more than five minutes before the last recorded issuance: a clock set back would make
 * certificates that are already over, or revive old ones. Throws Fault `clock_behind`.
 */
export async function watchedNow(
  records: Pick<CertificateRecords, 'lastReservedAt'>,
  clock: Clock,
): Promise<number> {
  const now = clock.now();
  const last = await records.lastReservedAt();
  if (last !== null && now < last - tolerance) {
    throw new Fault(
      'clock_behind',
      `The clock says ${new Date(now).toISOString()}, but a certificate was issued at ${new Date(last).toISOString()}. Set the clock and try again.`,
    );
  }
  return now;
}
