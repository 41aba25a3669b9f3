import type { LeafKind } from '../../x509/leaf-profile.ts';

/** A request that waits, or waited, for an administrator. Times are epoch milliseconds. */
export interface ApprovalRecord extends AskedFor {
  readonly id: string;
  readonly state: 'waiting' | 'granted' | 'refused' | 'used';
  readonly askedAt: number;
  /** Until when it can be decided and used. */
  readonly expiresAt: number;
  readonly decidedAt: number | null;
  readonly decidedBy: string | null;
  readonly reason: string | null;
}

/** What is asked for, and what its door has proved. */
export interface AskedFor {
  readonly name: string;
  readonly kind: LeafKind;
  readonly door: string;
  /** Who stands behind the request, as the door says. */
  readonly owner: string;
  /** base64url SHA-256 of the key. */
  readonly keyHash: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** Where it came from, when that is known. */
  readonly address: string | null;
}

/** Port: the requests that wait. Every promise resolves when the change is durable. */
export interface ApprovalRecords {
  /**
   * The request for the same key and name through the same door that is not over and not used, or else this one, added: one
   * atomic step. `added` says which. Throws Fault `limit_reached` when too many wait already.
   */
  ask(record: ApprovalRecord): Promise<{ readonly record: ApprovalRecord; readonly added: boolean }>;
  find(id: string): Promise<ApprovalRecord | null>;
  /**
   * Decides what waits; what was granted and not used can still be refused. Throws Fault `not_found`, or `conflict` for one that
   * is over or was decided otherwise.
   */
  decide(id: string, decision: Decision, now: number): Promise<ApprovalRecord>;
  /** Uses what was granted, once: false when it is not granted any more. */
  use(id: string, now: number): Promise<boolean>;
  /** Oldest first. */
  list(): Promise<readonly ApprovalRecord[]>;
}

export interface Decision {
  readonly state: 'granted' | 'refused';
  readonly by: string;
  readonly reason: string | null;
}

/** How many requests may wait: one way in, under one name; and all. */
export const mostWaiting = { alike: 5, all: 1_000 };

/** How long after its end a request is kept for whoever wants to know. */
export const keptMilliseconds = 90 * 86_400_000;

/** Whether two requests are one that is asked again. */
export function isSameRequest(one: AskedFor, other: AskedFor): boolean {
  return one.keyHash === other.keyHash && isAlike(one, other);
}

export function isAlike(one: AskedFor, other: AskedFor): boolean {
  return (
    one.name === other.name && one.kind === other.kind && one.door === other.door && one.owner === other.owner
  );
}
