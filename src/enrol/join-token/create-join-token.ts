import type { AuditLog } from '../../audit/log.ts';
import { type AddressNames, readAddressNames } from '../../ca/address-names.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { type LeafKind, leafProfiles, namePattern } from '../../x509/leaf-profile.ts';
import type { Batch, JoinTokenRecord, JoinTokenRecords } from './join-token-records.ts';
import { drawJoinToken } from './join-token-text.ts';
import { checkNamePattern } from './name-pattern.ts';

/** What a join token is to be good for. */
export interface JoinTokenOrder {
  /** A name, or for a batch a pattern of names with one `*`. */
  readonly name: string;
  readonly kind: LeafKind;
  /** Milliseconds; ten minutes unless given, at most a day. */
  readonly life?: number;
  readonly createdBy: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** Makes a batch token; the DNS names may hold `{name}`. */
  readonly batch?: Omit<Batch, 'used'> | null;
}

const minute = 60 * 1000;
const defaultLife = 10 * minute;
const greatestLife = 24 * 60 * minute;
const greatestCount = 10_000;

/**
 * Makes a join token for one name and one profile, good once; or a batch token for so many new names of a pattern. Only the hash of its secret is stored: the text returned
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
  const { name, kind, life = defaultLife, createdBy, batch = null } = order;
  if (batch) checkBatch(order, batch);
  else if (!namePattern.test(name)) {
    throw new Fault(
      'invalid_input',
      `${JSON.stringify(name)} is not a name for a certificate.${name.includes('*') ? ' For a batch of names say --count.' : ''}`,
    );
  }
  if (!Number.isInteger(life) || life < minute || life > greatestLife) {
    throw new Fault('invalid_input', 'A join token lives from 1 minute to 24 hours.');
  }
  const names = grantedNames(order);
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
    batch: batch && { ...batch, used: 0 },
  };
  await door.audit.append({
    type: 'join-token.created',
    id,
    name,
    kind,
    expiresAt,
    actor: createdBy,
    ...names,
    ...(batch && { count: batch.count, owner: batch.owner, roles: batch.roles }),
  });
  await door.tokens.add(record);
  return { token: text, id, expiresAt };
}

/** The names that its certificates may carry; those of a batch are read as they are for one of its names. */
function grantedNames({ name, batch, dnsNames = [], ipAddresses = [] }: JoinTokenOrder): AddressNames {
  if (!batch) return readAddressNames({ dnsNames, ipAddresses });
  const one = name.replace('*', 'x');
  const read = readAddressNames({ dnsNames: dnsNames.map((dns) => dns.replace('{name}', one)), ipAddresses });
  return { ...read, dnsNames };
}

function checkBatch({ name, kind }: JoinTokenOrder, { count }: Pick<Batch, 'count'>): void {
  checkNamePattern(name);
  if (kind === 'admin') throw new Fault('invalid_input', 'Administrators are not made by the batch.');
  if (Number.isInteger(count) && count >= 1 && count <= greatestCount) return;
  throw new Fault('invalid_input', 'A batch token gives 1 to 10,000 certificates.');
}
