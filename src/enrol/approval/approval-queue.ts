import type { AuditLog } from '../../audit/log.ts';
import type { ApprovedRequest } from '../../ca/approve.ts';
import type { Evidence } from '../../ca/evidence.ts';
import type { IssuanceCheck } from '../../ca/issuance-check.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import type { ApprovalRecord, ApprovalRecords } from './approval-records.ts';
import { type ApprovalRule, ruleFor } from './approval-rules.ts';

/** What the queue works on. */
export interface ApprovalQueueParts {
  /** The rules in force. Throws Fault when that cannot be told. */
  readonly rules: () => Promise<readonly ApprovalRule[]>;
  readonly records: ApprovalRecords;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
}

/** How soon whoever waits may ask again, in milliseconds. */
const askAgain = 5_000;

/**
 * Makes requests wait for an administrator. Whoever waits sends the same request again, with evidence that holds then: nothing
 * but its key, name, door and owner is kept, and what was granted is good once. Throws Fault `approval_pending`,
 * `approval_refused`, `limit_reached`.
 */
export function approvalCheck(parts: ApprovalQueueParts): IssuanceCheck {
  const { records, audit, clock } = parts;
  return {
    async check(approved, evidence) {
      const rule = ruleFor(await parts.rules(), evidence);
      if (!rule) return;
      const { record, added } = await records.ask(toRecord(approved, evidence, rule.life, clock.now()));
      const { id, name, kind, door, owner, keyHash, address, expiresAt } = record;
      if (added) {
        await audit.append({
          type: 'approval.asked',
          id,
          name,
          kind,
          door,
          owner,
          keyHash,
          address,
          expiresAt,
        });
      }
      if (record.state === 'refused') throw refused(record);
      if (record.state !== 'granted' || !(await records.use(id, clock.now()))) throw pending(record);
      await audit.append({ type: 'approval.used', id, name, kind });
    },
  };
}

function pending({ id, expiresAt }: ApprovalRecord): Fault {
  return new Fault(
    'approval_pending',
    `The request waits for an administrator until ${new Date(expiresAt).toISOString()}: countersign approval grant ${id}`,
    { retryAfterMilliseconds: askAgain },
  );
}

function refused({ id, reason, expiresAt }: ApprovalRecord): Fault {
  return new Fault(
    'approval_refused',
    `An administrator refused the request ${id}: ${reason ?? 'no reason was given'}. With the same key it is not looked at again before ${new Date(expiresAt).toISOString()}.`,
  );
}

function toRecord(approved: ApprovedRequest, evidence: Evidence, life: number, now: number): ApprovalRecord {
  const { name, kind, spki, dnsNames, ipAddresses } = approved;
  const { door, owner, address = null } = evidence;
  return {
    id: randomId(),
    name,
    kind,
    door,
    owner,
    keyHash: sha256Base64url(spki),
    dnsNames,
    ipAddresses,
    address,
    state: 'waiting',
    askedAt: now,
    expiresAt: now + life,
    decidedAt: null,
    decidedBy: null,
    reason: null,
  };
}

/**
 * Decides a request. Throws Fault `not_found`, `conflict`, and `denied` where somebody else has to and it is who stands behind
 * the request.
 */
export async function decide(
  id: string,
  decision: Parameters<ApprovalRecords['decide']>[1],
  parts: ApprovalQueueParts,
): Promise<ApprovalRecord> {
  const { records, audit, clock } = parts;
  const { state, by, reason } = decision;
  const asked = await records.find(id);
  if (asked && state === 'granted' && asked.owner === by) {
    const rule = ruleFor(await parts.rules(), { ...asked, replaces: null });
    if (rule?.byAnother) {
      throw new Fault('denied', `The request ${id} is your own: somebody else has to grant it.`);
    }
  }
  const type = state === 'granted' ? 'approval.granted' : 'approval.refused';
  const event = { type, id, actor: by, reason, ...nameOf(asked) } as const;
  // Taking a right away never waits for the log; giving one does.
  const open = asked?.state === 'waiting' && clock.now() < asked.expiresAt;
  if (state === 'granted' && open) await audit.append(event);
  const record = await records.decide(id, decision, clock.now());
  if (state === 'refused') await audit.append(event);
  return record;
}

function nameOf(asked: ApprovalRecord | null): Partial<Pick<ApprovalRecord, 'name' | 'kind'>> {
  return asked ? { name: asked.name, kind: asked.kind } : {};
}
