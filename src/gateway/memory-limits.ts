import type { Clock } from '../kernel/clock.ts';
import { LimitCounter } from './limit-counter.ts';
import type { LimitRule } from './limit-rule.ts';
import type { Claim, Holding, LimitStore, Shortage } from './limit-store.ts';

/** How much may be remembered. */
export interface MemoryLimitBounds {
  /** Counters of one rule. */
  readonly countersPerRule: number;
  /** Counters that one agent's calls may open in one rule, whatever names it makes up. */
  readonly countersPerAgent: number;
}

export const defaultMemoryLimitBounds: MemoryLimitBounds = {
  countersPerRule: 65_536,
  countersPerAgent: 1_024,
};

/** Places and calls that were taken here. */
export interface MemoryHolding extends Holding {
  spend(octets: number): Shortage | null;
  leave(): void;
  /** Takes everything back, as if it had not been taken; once, and instead of `leave`. */
  undo(): void;
  /** The name of the counter that a claim counts in: that of its rule, and of the key or, where there was no room for it, of its agent. */
  counterOf(claim: number): string;
}

/** A store that answers at once, and how many counters it keeps. */
export interface MemoryLimitStore extends LimitStore {
  take(claims: readonly Claim[]): MemoryHolding | { readonly shortage: Shortage };
  readonly size: number;
}

/**
 * Counts in the memory of this process: a restart begins anew, and two processes count apart. Counters that hold
 * nothing are forgotten; where there is no room for another, an agent's further keys share one counter, so that
 * memory is bounded and a limit is never reset before its time.
 */
export function memoryLimitStore(
  clock: Clock,
  bounds: MemoryLimitBounds = defaultMemoryLimitBounds,
): MemoryLimitStore {
  const groups = new Map<string, Group>();
  const groupsOfRules = new WeakMap<LimitRule, Group>();
  // Steps of the wall clock must not begin an hour or a day anew.
  const origin = clock.now() - clock.monotonic();
  const time = (): number => origin + clock.monotonic();

  const groupOf = (rule: LimitRule, now: number): Group => {
    const known = groupsOfRules.get(rule);
    if (known) return known;
    const id = groupId(rule);
    for (const other of groups.values()) other.sweep(now);
    const group = groups.get(id) ?? new Group(bounds);
    groups.set(id, group);
    groupsOfRules.set(rule, group);
    return group;
  };

  return {
    get size() {
      return [...groups.values()].reduce((sum, group) => sum + group.size, 0);
    },
    take(claims) {
      const now = time();
      const counters: LimitCounter[] = [];
      for (const claim of claims) {
        const counter = groupOf(claim.rule, now).counter(claim, now);
        const shortage = counter.take(claim.rule, claim.calls, now);
        if (shortage) {
          counters.forEach((taken, at) => untake(taken, claims[at]));
          return { shortage };
        }
        counters.push(counter);
      }
      return new Held(claims, counters, time);
    },
  };
}

/** Counters outlive a change of their rule's numbers, but not of what they are kept for. */
function groupId({ name, per }: LimitRule): string {
  return `${name} ${per.join()}`;
}

class Held implements MemoryHolding {
  readonly shortage = null;
  private readonly claims: readonly Claim[];
  private readonly counters: readonly LimitCounter[];
  private left = false;
  private readonly time: () => number;

  constructor(claims: readonly Claim[], counters: readonly LimitCounter[], time: () => number) {
    this.claims = claims;
    this.counters = counters;
    this.time = time;
  }

  spend(octets: number): Shortage | null {
    let first: Shortage | null = null;
    for (let at = 0; at < this.claims.length; at++) {
      const rule = this.claims[at]?.rule;
      if (!rule || (!rule.budget.hour && !rule.budget.day)) continue;
      // Every counter has to know, the first shortage or not.
      const shortage = this.counters[at]?.spend(rule, octets, this.time()) ?? null;
      first ??= shortage;
    }
    return first;
  }

  leave(): void {
    const { claims, counters } = this;
    if (this.left) return;
    this.left = true;
    for (let at = 0; at < counters.length; at++) counters[at]?.leave(claims[at]?.calls ?? 0);
  }

  undo(): void {
    if (this.left) return;
    this.left = true;
    this.counters.forEach((counter, at) => untake(counter, this.claims[at]));
  }

  counterOf(claim: number): string {
    const rule = this.claims[claim]?.rule;
    return `${rule ? groupId(rule) : ''} ${this.counters[claim]?.key ?? ''}`;
  }
}

/** The counters of one rule. A counter that is in use or full stays; the others make room. */
class Group {
  private readonly bounds: MemoryLimitBounds;
  /** In the order in which they were last looked at for leaving. */
  private readonly counters = new Map<string, LimitCounter>();
  private readonly perAgent = new Map<string, number>();
  /** One for each agent whose keys found no room. */
  private readonly overflow = new Map<string, LimitCounter>();

  constructor(bounds: MemoryLimitBounds) {
    this.bounds = bounds;
  }

  get size(): number {
    return this.counters.size + this.overflow.size;
  }

  /** Forgets all that holds nothing; after a change of rules, when a rule may be gone for good. */
  sweep(now: number): void {
    makeRoom(this.counters, now, this.counters.size, (counter) => this.forget(counter));
    makeRoom(this.overflow, now, this.overflow.size, () => undefined);
  }

  counter(claim: Claim, now: number): LimitCounter {
    const known = this.counters.get(claim.key);
    if (known) return known;
    makeRoom(this.counters, now, looksPerNewcomer, (counter) => this.forget(counter));
    const mine = this.perAgent.get(claim.agent) ?? 0;
    if (mine >= this.bounds.countersPerAgent || this.counters.size >= this.bounds.countersPerRule) {
      return this.shared(claim.agent, now);
    }
    const counter = new LimitCounter(claim.key, claim.agent);
    this.counters.set(claim.key, counter);
    this.perAgent.set(claim.agent, mine + 1);
    return counter;
  }

  private shared(agent: string, now: number): LimitCounter {
    const known = this.overflow.get(agent);
    if (known) return known;
    makeRoom(this.overflow, now, looksPerNewcomer, () => undefined);
    const counter = new LimitCounter(agent, agent);
    this.overflow.set(agent, counter);
    return counter;
  }

  private forget({ agent }: LimitCounter): void {
    const left = (this.perAgent.get(agent) ?? 1) - 1;
    if (left === 0) this.perAgent.delete(agent);
    else this.perAgent.set(agent, left);
  }
}

/** Enough to keep pace with what comes. */
const looksPerNewcomer = 4;

/** Looks at so many that were not looked at for longest, and forgets those that hold nothing. */
function makeRoom(
  counters: Map<string, LimitCounter>,
  now: number,
  most: number,
  forgotten: (counter: LimitCounter) => void,
): void {
  let looks = 0;
  for (const [key, counter] of counters) {
    if (++looks > most) return;
    counters.delete(key);
    if (counter.idle(now)) forgotten(counter);
    else counters.set(key, counter);
  }
}

function untake(counter: LimitCounter, claim: Claim | undefined): void {
  if (claim) counter.untake(claim.rule, claim.calls);
}
