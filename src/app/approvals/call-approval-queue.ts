import type { AuditEvent, AuditLog } from '../../audit/log.ts';
import type { Approval, AskedCall, CallStanding } from '../../gateway/approval/call-approvals.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import type { AgentRecords } from '../store/agent-records.ts';
import { type CallApprovalRules, type OrderedBy, requireApprover } from './approvers.ts';
import type { CallApproval, CallApprovalRecords } from './call-approval-records.ts';

/** What the queue works on. */
export interface CallApprovalParts {
  readonly rules: () => CallApprovalRules;
  readonly records: CallApprovalRecords;
  readonly agents: Pick<AgentRecords, 'find'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  /** Tells gateways that these were decided. */
  readonly tell: (ids: readonly string[]) => void;
}

/** The one place where approvals of calls are given and used. */
export interface CallApprovalQueue {
  /** `gateway`: the name of the one that asks. Throws Fault `limit_reached`. */
  ask(call: AskedCall, gateway: string): Promise<CallStanding>;
  /** True for the one caller that uses it. */
  use(approval: Approval, gateway: string): Promise<boolean>;
  withdraw(approval: Approval, gateway: string): Promise<void>;
  /** Throws Fault `not_found`, `conflict`, and `denied` for who may not approve it. */
  decide(
    id: string,
    decision: { readonly state: 'granted' | 'refused'; readonly reason: string | null },
    by: OrderedBy,
  ): Promise<CallApproval>;
  /** Ends what is past its end, and says so in the log. */
  sweep(): Promise<void>;
  /** Calls the listener when a call begins to wait, and when one no longer does. Returns how to stop. */
  onChange(listener: (change: CallApproval) => void): () => void;
}

export function callApprovalQueue(parts: CallApprovalParts): CallApprovalQueue {
  const { records, audit, clock, tell } = parts;
  const listeners = new Set<(change: CallApproval) => void>();
  const changed = (record: CallApproval): void => {
    for (const listener of listeners) listener(record);
  };
  const sweep = async (): Promise<void> => {
    for (const record of await records.expire(clock.now())) {
      await audit.append({ type: 'call-approval.expired', ...factsOf(record) });
      tell([record.id]);
      changed(record);
    }
  };
  return {
    async ask(call, gateway) {
      await sweep();
      const { record, added } = await records.ask(await toRecord(call, gateway, parts));
      if (added) {
        await audit.append({ type: 'call-approval.asked', ...factsOf(record), ...askedFacts(record) });
        changed(record);
      }
      return standingOf(record);
    },
    async use({ id, digest }, gateway) {
      const record = await records.use(id, digest, clock.now());
      if (!record) return false;
      // A log that cannot be written leaves it used up, and the gateway without an answer that it may forward.
      await audit.append({ type: 'call-approval.used', ...factsOf(record), gateway });
      changed(record);
      return true;
    },
    async withdraw({ id, digest }, gateway) {
      const record = await records.withdraw(id, digest, clock.now());
      if (!record) return;
      await audit.append({ type: 'call-approval.withdrawn', ...factsOf(record), gateway });
      changed(record);
    },
    async decide(id, decision, by) {
      const record = await decided(id, decision, by, parts);
      tell([id]);
      changed(record);
      return record;
    },
    sweep,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

async function decided(
  id: string,
  { state, reason }: Parameters<CallApprovalQueue['decide']>[1],
  by: OrderedBy,
  { records, rules, audit, clock }: CallApprovalParts,
): Promise<CallApproval> {
  const asked = await records.find(id);
  if (!asked) throw new Fault('not_found', `No call ${id} waits. See: countersign call-approval list`);
  const now = clock.now();
  const decision = { by: by.name, reason } as const;
  if (state === 'refused') {
    // Taking a right away never waits for the log; giving one does.
    const record = await records.decide(id, { ...decision, state, expiresAt: null }, now);
    await audit.append({ type: 'call-approval.refused', ...factsOf(record), actor: by.name, reason });
    return record;
  }
  requireApprover(asked, by, rules());
  if (asked.state === 'waiting' && now < asked.expiresAt) {
    await audit.append({ type: 'call-approval.granted', ...factsOf(asked), actor: by.name, reason });
  }
  return await records.decide(id, { ...decision, state, expiresAt: now + rules().use }, now);
}

async function toRecord(call: AskedCall, gateway: string, parts: CallApprovalParts): Promise<CallApproval> {
  const now = parts.clock.now();
  // The registry is here: nobody else says who answers for an agent.
  const agent = call.agent.includes(':') ? null : await parts.agents.find(call.agent);
  return {
    ...call,
    id: randomId(),
    owner: agent?.owner ?? '',
    gateway,
    state: 'waiting',
    askedAt: now,
    expiresAt: now + parts.rules().wait,
    decidedAt: null,
    decidedBy: null,
    reason: null,
    usedAt: null,
  };
}

function standingOf({ id, state, expiresAt, reason }: CallApproval): CallStanding {
  if (state === 'waiting' || state === 'granted' || state === 'refused')
    return { id, state, expiresAt, reason };
  throw new TypeError(`a call that was asked about is ${state}`);
}

/** What every event about a call says; values of arguments never appear. */
function factsOf(record: CallApproval) {
  const { id, agent, person, server, method, target, argumentsHash, digest } = record;
  return {
    id,
    agent,
    person,
    server,
    method,
    target: short(target),
    argumentsHash,
    digest,
  } satisfies Partial<AuditEvent>;
}

function askedFacts({
  spiffeId,
  client,
  owner,
  asks,
  policyVersion,
  address,
  gateway,
  expiresAt,
}: CallApproval) {
  const policies = asks.map(({ policy }) => policy);
  return { spiffeId, client, owner, policies, policyVersion, address, gateway, expiresAt };
}

/** An entry of the log has a greatest size, and a URI has none. */
function short(text: string): string {
  return text.length <= 512
    ? text
    : `${text.slice(0, 512).toWellFormed()}… (sha256 ${sha256Base64url(text)})`;
}
