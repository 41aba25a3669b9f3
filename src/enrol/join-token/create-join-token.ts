import type { AuditLog } from '../../audit/log.ts';
import { readAddressNames } from '../../ca/address-names.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { type LeafKind, leafProfiles, namePattern } from '../../x509/leaf-profile.ts';
import type { JoinTokenRecord, JoinTokenRecords } from './join-token-records.ts';
import { drawJoinToken } from './join-token-text.ts';

/** What a join token is to be good for. */
export interface JoinTokenOrder {
  readonly name: string;
  readonly kind: LeafKind;
  /** Milliseconds; ten minutes unless given, at most a day. */
  readonly life?: number;
  readonly createdBy: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

const minute = 60 * 1000;
const defaultLife = 10 * minute;
const greatestLife = 24 * 60 * minute;

/**
 * Makes a join token for one name and one profile, good once. Only the hash of its secret is stored: the text returned
 * here is the one time it can be seen. Throws Fault `invalid_input` or `audit_unwritable`.
 */
export async function createJoinToken(
  order: JoinTokenOrder,
  door: {
    readonly tokens: JoinTokenRecords;
    readonly clock: Clock;
    readonly audit: Pick<AuditLog, 'append'>;
  },
): Promise<{ readonly token: string; readonly id: string; readonly expiresAt: number }> {
  const { name, kind, life = defaultLife, createdBy } = order;
  if (!namePattern.test(name)) {
    throw new Fault('invalid_input', `${JSON.stringify(name)} is not a name for a certificate.`);
  }
  if (!Number.isInteger(life) || life < minute || life > greatestLife) {
    throw new Fault('invalid_input', 'A join token lives from 1 minute to 24 hours.');
  }
  const names = readAddressNames({ dnsNames: order.dnsNames ?? [], ipAddresses: order.ipAddresses ?? [] });
  if (names.dnsNames.length + names.ipAddresses.length > 0 && !leafProfiles[kind].addressNames) {
    throw new Fault(
      'invalid_input',
      `A certificate of kind ${kind} carries no DNS names and no IP addresses.`,
    );
  }
  const { text, id, secretHash } = drawJoinToken();
  const createdAt = door.clock.now();
  const expiresAt = createdAt + life;
  const record: JoinTokenRecord = {
    id,
    secretHash,
    name,
    kind,
    createdAt,
    expiresAt,
    redeemedAt: null,
    createdBy,
    ...names,
  };
  await door.audit.append({
    type: 'join-token.created',
    id,
    name,
    kind,
    expiresAt,
    actor: createdBy,
    ...names,
  });
  await door.tokens.add(record);
  return { token: text, id, expiresAt };
}
