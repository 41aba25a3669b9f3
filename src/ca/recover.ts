import type { AuditLog } from '../audit/log.ts';
import type { CertificateRecords } from './certificate-records.ts';

/**
 * Settles what a crash left behind; run once at start, before anything is issued. A record still `reserved` was never
 * delivered, signed or not: it becomes `abandoned`, so its serial is neither used again nor accepted anywhere.
 * Returns the serials, oldest first.
 */
export async function recoverIssuance(authority: {
  readonly records: CertificateRecords;
  readonly audit: Pick<AuditLog, 'append'>;
}): Promise<readonly string[]> {
  const unfinished = await authority.records.list({ state: 'reserved' });
  for (const { serial, name, kind } of unfinished) {
    await authority.records.abandon(serial);
    await authority.audit.append({
      type: 'certificate.refused',
      serial,
      name,
      kind,
      code: 'unavailable',
      reason: 'the authority stopped before the certificate was stored',
    });
  }
  return unfinished.map(({ serial }) => serial);
}
