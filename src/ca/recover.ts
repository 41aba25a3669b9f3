import type { AuditLog } from '../audit/log.ts';
import { Fault } from '../kernel/fault.ts';
import type { CertificateRecords } from './certificate-records.ts';

/**
 * Settles what a crash left behind; run at start, before anything is issued. A record still `reserved` was never
 * delivered, signed or not: it becomes `abandoned`, so its serial is neither used again nor accepted anywhere, and whoever was
 * about to complete it finds that out. Returns the serials, oldest first.
 *
 * `isGone` says whether an authority of the store has died, null being one from before there were several; where a store has
 * one authority only, every other has.
 */
export async function recoverIssuance(
  authority: {
    readonly records: Pick<CertificateRecords, 'list' | 'abandon'>;
    readonly audit: Pick<AuditLog, 'append'>;
  },
  isGone: (instance: string | null) => boolean = () => true,
): Promise<readonly string[]> {
  const reserved = await authority.records.list({ state: 'reserved' });
  const unfinished = reserved.filter(({ instance = null }) => isGone(instance));
  const abandoned: string[] = [];
  for (const { serial, name, kind } of unfinished) {
    if (!(await giveUp(serial, authority.records))) continue;
    abandoned.push(serial);
    await authority.audit.append({
      type: 'certificate.refused',
      serial,
      name,
      kind,
      code: 'unavailable',
      reason: 'the authority stopped before the certificate was stored',
    });
  }
  return abandoned;
}

/** False when its authority was alive after all, and the first. */
async function giveUp(serial: string, records: Pick<CertificateRecords, 'abandon'>): Promise<boolean> {
  try {
    await records.abandon(serial);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.code === 'conflict') return false;
    throw error;
  }
}
