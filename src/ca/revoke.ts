import type { AuditLog } from '../audit/log.ts';
import type { Clock } from '../kernel/clock.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';
import type { BlockedKeys } from './blocked-keys.ts';
import { stateAfterHold } from './hold.ts';
import type { CertificateRecord, CertificateRecords } from './certificate-records.ts';

/** What revoking needs; `notify` tells the gateways and may be left out where the store itself does. */
export interface RevokingAuthority {
  readonly records: CertificateRecords;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly notify?: (serial: string) => Promise<void>;
}

/** Why, for people and for CRLs, and on whose order. */
export interface RevocationWords {
  readonly reason: string;
  /** `unspecified` unless given. */
  readonly revocation?: RevocationReason | undefined;
  readonly actor: string;
}

/**
 * Revokes one certificate, for good unless the reason is `certificateHold`. False when it was revoked already, or held
 * already and is to be held. Throws Fault `not_found`, or `audit_unwritable` after the revocation took effect: taking a
 * right away never waits for the log.
 */
export async function revoke(
  order: RevocationWords & { readonly serial: string },
  authority: RevokingAuthority,
): Promise<boolean> {
  const { serial, reason, revocation = 'unspecified', actor } = order;
  if (!(await authority.records.revoke(serial, reason, authority.clock.now(), revocation))) return false;
  await authority.notify?.(serial);
  const record = await authority.records.find(serial);
  await authority.audit.append({
    type: revocation === 'certificateHold' ? 'certificate.held' : 'certificate.revoked',
    serial,
    name: record?.name ?? null,
    kind: record?.kind ?? null,
    reason,
    revocation,
    actor,
  });
  return true;
}

/**
 * Takes the hold of one certificate back; it is in force again until its end. False when it is not on hold. The log
 * comes first: giving a right waits for it. Throws Fault `conflict` for one that is revoked for good, `not_found`.
 */
export async function reinstate(
  order: Pick<RevocationWords, 'reason' | 'actor'> & { readonly serial: string },
  authority: RevokingAuthority,
): Promise<boolean> {
  const { serial, reason, actor } = order;
  const record = await authority.records.find(serial);
  if (record && record.state !== 'revoked') return false;
  if (record) stateAfterHold(record);
  await authority.audit.append({
    type: 'certificate.reinstated',
    serial,
    name: record?.name ?? null,
    kind: record?.kind ?? null,
    reason,
    actor,
  });
  return await authority.records.reinstate(serial);
}

/**
 * Revokes every certificate of a name that is not over, those still being issued too, so that an issuance in flight
 * cannot slip through. `kinds` keeps apart what shares a name, such as a server and an agent. Returns the serials.
 */
export async function revokeName(
  order: RevocationWords & {
    readonly name: string;
    readonly kinds: readonly CertificateRecord['kind'][];
  },
  authority: RevokingAuthority,
): Promise<readonly string[]> {
  const { name, kinds, ...words } = order;
  const records = await authority.records.list({ name });
  return await revokeAll(
    records.filter(({ kind }) => kinds.includes(kind)),
    words,
    authority,
  );
}

/**
 * Blocks a key for good and revokes every certificate for it that is not over. The block comes first, so that no new one
 * slips through. Returns the serials.
 */
export async function revokeKey(
  order: RevocationWords & { readonly keyHash: string },
  authority: RevokingAuthority & { readonly blockedKeys: BlockedKeys },
): Promise<readonly string[]> {
  const { keyHash, ...words } = order;
  const { blockedKeys, records, clock, audit } = authority;
  const isNew = await blockedKeys.block(keyHash, words.reason, clock.now());
  const revoked = await revokeAll(await records.list({ keyHash }), words, authority);
  const { reason, actor } = words;
  if (isNew) await audit.append({ type: 'key.blocked', keyHash, reason, actor });
  return revoked;
}

/** Revokes every certificate of an issuer that is not over, whoever has it. Returns the serials. */
export async function revokeOpen(
  { issuer, ...words }: RevocationWords & { readonly issuer: string },
  authority: RevokingAuthority,
): Promise<readonly string[]> {
  return await revokeAll(await authority.records.list({ issuer }), words, authority);
}

async function revokeAll(
  records: readonly CertificateRecord[],
  words: RevocationWords,
  authority: RevokingAuthority,
): Promise<readonly string[]> {
  const now = authority.clock.now();
  const revoked: string[] = [];
  for (const { serial, state, notAfter } of records) {
    // One on hold is revoked for good as well.
    if (state === 'abandoned' || notAfter < now) continue;
    if (await revoke({ ...words, serial }, authority)) revoked.push(serial);
  }
  return revoked;
}
