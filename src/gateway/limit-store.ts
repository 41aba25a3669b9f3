import type { BudgetWindow, LimitRule } from './limit-rule.ts';

/** One counter of one rule, and how many calls it is asked for. */
export interface Claim {
  readonly rule: LimitRule;
  /** Tells the counters of one rule apart. */
  readonly key: string;
  /** On whose account the counter is kept. */
  readonly agent: string;
  readonly calls: number;
}

/** Why a claim is not met, and when it could be. */
export interface Shortage {
  readonly rule: LimitRule;
  readonly kind: 'rate' | 'concurrent' | 'calls' | 'octets';
  /** The window of a budget, else null. */
  readonly window: BudgetWindow | null;
  /** How long to wait; null: unknown, somebody has to end first. */
  readonly milliseconds: number | null;
  /** The rule never lets so many calls through at once. */
  readonly never: boolean;
}

/** Places and calls that were taken. */
export interface Holding {
  readonly shortage: null;
  /** Counts octets of the answer as they are sent. A shortage says that a budget is now overdrawn. */
  spend(octets: number): Shortage | null | Promise<Shortage | null>;
  /** Gives the places back; once. Calls and octets stay counted. */
  leave(): void | Promise<void>;
}

/** Taken, or taken nothing. */
export type Verdict = Holding | { readonly shortage: Shortage };

/**
 * Where limits are counted. Every adapter passes `test/contracts/limit-store.contract.ts`. An adapter over a network
 * bounds its own waits and throws when it cannot tell; whoever asks then refuses.
 */
export interface LimitStore {
  /** Takes from every counter that is named, or from none. */
  take(claims: readonly Claim[]): Verdict | Promise<Verdict>;
}
