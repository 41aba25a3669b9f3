import type { AuditLog } from '../audit/log.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CertificateRecord, CertificateRecords } from './certificate-records.ts';

/** What revoking needs; `notify` tells the gateways and may be left out where the store itself does. */
export interface RevokingAuthority {
  readonly records: CertificateRecords;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly notify?: (serial: string) => Promise<void>;
}

/**
 * Revokes one certificate for good. False when it was revoked already. Throws Fault `not_found`, or `audit_unwritable`
 * after the revocation took effect: taking a right away never waits for the log.
 */
export async function revoke(
  order: { readonly serial: string; readonly reason: string; readonly actor: string },
  authority: RevokingAuthority,
): Promise<boolean> {
  const { serial, reason, actor } = order;
  if (!(await authority.records.revoke(serial, reason, authority.clock.now()))) return false;
  await authority.notify?.(serial);
  const record = await authority.records.find(serial);
  await authority.audit.append({
    type: 'certificate.revoked',
    serial,
    name: record?.name ?? null,
    kind: record?.kind ?? null,
    reason,
    actor,
  });
  return true;
}

/**
 * Revokes every certificate of a name that is not over, those still being issued too, so that an issuance in flight
 * cannot slip through. `kinds` keeps apart what shares a name, such as a server and an agent. Returns the serials.
 */
export async function revokeName(
  order: {
    readonly name: string;
    readonly kinds: readonly CertificateRecord['kind'][];
    readonly reason: string;
    readonly actor: string;
  },
  authority: RevokingAuthority,
): Promise<readonly string[]> {
  const now = authority.clock.now();
  const revoked: string[] = [];
  for (const record of await authority.records.list({ name: order.name })) {
    const open = record.state === 'issued' || record.state === 'reserved';
    if (!open || record.notAfter < now || !order.kinds.includes(record.kind)) continue;
    const { reason, actor } = order;
    if (await revoke({ serial: record.serial, reason, actor }, authority)) revoked.push(record.serial);
  }
  return revoked;
}
