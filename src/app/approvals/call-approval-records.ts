import type { AskedCall } from '../../gateway/approval/call-approvals.ts';

/** A call that waits, or waited, for somebody to approve it. Times are epoch milliseconds. */
export interface CallApproval extends AskedCall {
  readonly id: string;
  /** Who answers for the agent, as the registry says; '' where it does not know the agent. */
  readonly owner: string;
  /** The gateway that asked first. */
  readonly gateway: string;
  readonly state: 'waiting' | 'granted' | 'refused' | 'used' | 'withdrawn' | 'over';
  readonly askedAt: number;
  /** Until when it can be decided; when it was granted, until when it can be used; when it was refused, how long it stays so. */
  readonly expiresAt: number;
  readonly decidedAt: number | null;
  readonly decidedBy: string | null;
  readonly reason: string | null;
  readonly usedAt: number | null;
}

/** What somebody decides. */
export interface CallDecision {
  readonly state: 'granted' | 'refused';
  readonly by: string;
  readonly reason: string | null;
  /** Until when it can be used. */
  readonly expiresAt: number | null;
}

/** Port: the calls that wait. Every promise resolves when the change is durable, and every change is one atomic step. */
export interface CallApprovalRecords {
  /**
   * The record with this digest that is neither used, withdrawn nor over, or else this one, added; `added` says which. Throws Fault
   * `limit_reached` when too many wait already, of this agent or in all.
   */
  ask(record: CallApproval): Promise<{ readonly record: CallApproval; readonly added: boolean }>;
  find(id: string): Promise<CallApproval | null>;
  /**
   * Decides what waits; what was granted and not used can still be refused. Throws Fault `not_found`, or `conflict` for one that
   * is over or was decided otherwise.
   */
  decide(id: string, decision: CallDecision, now: number): Promise<CallApproval>;
  /** Uses what was granted, once: null when it is not granted any more, or for another digest. */
  use(id: string, digest: string, now: number): Promise<CallApproval | null>;
  /** Takes back what waits or was granted; null when it does neither. */
  withdraw(id: string, digest: string, now: number): Promise<CallApproval | null>;
  /** Puts what waits or was granted and is past its end into the state `over`, and gives it back. */
  expire(now: number): Promise<readonly CallApproval[]>;
  /** Oldest first; only those that wait or were granted unless `all`. */
  list(all: boolean): Promise<readonly CallApproval[]>;
}

/** How many calls may wait to be decided or used: of one agent, and in all. */
export const mostCallsWaiting = { ofAgent: 20, all: 1_000 };

/** How long after its end a record is kept for whoever wants to know, with its parameters. */
export const keptMilliseconds = 7 * 86_400_000;
