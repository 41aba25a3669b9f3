import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Asking } from '../../policy/question.ts';

/** One call that policy asks about: what an approver is shown, and what an approval of it is bound to. */
export interface AskedCall {
  /** SHA-256, base64url, of everything that an approval is bound to (`askedCall`). */
  readonly digest: string;
  readonly agent: string;
  readonly spiffeId: string;
  /** The person and the client of the token; null without one. */
  readonly person: string | null;
  readonly client: string | null;
  readonly server: string;
  readonly method: string;
  /** The name of the tool or prompt, or the URI of the resource. */
  readonly target: string;
  readonly params: JsonObject;
  /** As the records of the gateway say it. */
  readonly argumentsHash: string;
  readonly asks: readonly Asking[];
  readonly policyVersion: string;
  readonly address: string;
}

/** How it stands with a call that was asked about. */
export interface CallStanding {
  readonly id: string;
  readonly state: 'waiting' | 'granted' | 'refused';
  /** Until when it waits, can be used, or stays refused. Epoch milliseconds. */
  readonly expiresAt: number;
  /** What whoever refused it said. */
  readonly reason: string | null;
}

/** An approval that a person gave, for the one call with that digest. */
export interface Approval {
  readonly id: string;
  readonly digest: string;
}

/** Port: whoever keeps approvals. It is the only one that counts uses, so that no two gateways use the same one. */
export interface CallApprovals {
  /** The request for this very call that is not over and not used, or a new one. Throws Fault `limit_reached`, `unavailable`. */
  ask(call: AskedCall): Promise<CallStanding>;
  /** Uses an approval up: true for one caller, once. Throws Fault `unavailable`. */
  use(approval: Approval): Promise<boolean>;
  /** Takes back what waits and is wanted no longer. */
  withdraw(approval: Approval): Promise<void>;
  /** Resolves when the request was decided, when the time is over, or when the signal says that nobody waits. */
  decided(id: string, milliseconds: number, signal: AbortSignal): Promise<void>;
}
