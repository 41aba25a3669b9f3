import { Fault } from '../../kernel/fault.ts';
import type { CallApproval } from './call-approval-records.ts';

/** Who may approve calls, and who that is among the people. */
export interface Approver {
  /** The name in an admin certificate. */
  readonly admin: string;
  /** What policies, tokens and the registry call this person. */
  readonly persons: readonly string[];
  /** The servers whose calls this person approves; null for all. */
  readonly servers: readonly string[] | null;
}

/** What `call-approvals.yaml` says. */
export interface CallApprovalRules {
  /** How long a call waits to be decided, and stays refused, in milliseconds. */
  readonly wait: number;
  /** How long after a grant it can be used. */
  readonly use: number;
  /** Null where every administrator approves. */
  readonly approvers: readonly Approver[] | null;
}

/** Whoever gives an order to the authority. */
export interface OrderedBy {
  readonly name: string;
  readonly way: 'local' | 'remote';
}

/**
 * Refuses who may not approve a call: who is not among the approvers of its server, and, where a policy wants another than the
 * agent's own person, whoever is that person or is not known to be somebody else. Throws Fault `denied`.
 */
export function requireApprover(call: CallApproval, by: OrderedBy, { approvers }: CallApprovalRules): void {
  const approver = by.way === 'remote' ? approvers?.find(({ admin }) => admin === by.name) : undefined;
  if (approvers && !(approver && (approver.servers?.includes(call.server) ?? true))) {
    const whose = `call-approvals.yaml does not name ${by.name} as an approver of calls to ${call.server}`;
    throw new Fault('denied', `${whose}.`);
  }
  if (!call.asks.some((ask) => ask.approver === 'another')) return;
  const own = [call.owner, call.person].filter((person) => person !== null && person !== '');
  if (!approver || approver.persons.length === 0) {
    const how = 'Name who this is as an approver in call-approvals.yaml, with the persons it stands for.';
    const why = `somebody else than ${own.join(' or ')} has to approve it, and nobody knows who ${by.name} is`;
    throw new Fault('denied', `The call ${call.id} is not approved: ${why}. ${how}`);
  }
  if (own.some((person) => person === by.name || approver.persons.some((name) => isSame(name, person)))) {
    throw new Fault(
      'denied',
      `The call ${call.id} is of an agent of your own: somebody else has to approve it.`,
    );
  }
}

function isSame(one: string, other: string | null): boolean {
  return one.toLowerCase() === other?.toLowerCase();
}
