import type { BoundedRecord } from '../../audit/bounded-record.ts';
import type { AuditLog } from '../../audit/log.ts';
import type { Evidence } from '../../ca/evidence.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { JoinTokenRecords } from './join-token-records.ts';
import { readJoinToken } from './join-token-text.ts';

/**
 * Uses a join token up and gives what it proves. Of any number of callers at once exactly one succeeds. The refusal is
 * the same whatever was wrong, so that it teaches a stranger nothing. Throws Fault `join_token_invalid`.
 */
export async function redeemJoinToken(
  text: string,
  door: {
    readonly tokens: JoinTokenRecords;
    readonly clock: Clock;
    readonly audit: Pick<AuditLog, 'append'>;
    readonly strangers: Pick<BoundedRecord, 'record'>;
  },
  address: string | null = null,
): Promise<Evidence> {
  const parts = readJoinToken(text);
  const record = parts ? await door.tokens.redeem(parts.id, parts.secretHash, door.clock.now()) : null;
  if (!record) {
    // The text itself may be a secret that was mistyped; its id alone is safe to keep.
    await door.strangers.record({ type: 'join-token.refused', id: parts?.id ?? null, address });
    throw new Fault(
      'join_token_invalid',
      'The join token is unknown, was used or is over. Ask an administrator for a new one: countersign join-token create.',
    );
  }
  const { id, name, kind, createdBy, dnsNames, ipAddresses } = record;
  await door.audit.append({ type: 'join-token.redeemed', id, name, kind, address, createdBy });
  return { door: 'join-token', name, kind, owner: createdBy, dnsNames, ipAddresses, replaces: null };
}
