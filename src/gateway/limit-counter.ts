import { type BudgetWindow, budgetWindows, type LimitRule } from './limit-rule.ts';
import type { Shortage } from './limit-store.ts';

/** The time as counters see it, in milliseconds: it never runs backwards, and hours and days are those of UTC. */
export type CounterTime = number;

/** What one counter of one rule holds. */
export class LimitCounter {
  readonly key: string;
  readonly agent: string;
  /** When the bucket of the rate is full again (generic cell rate algorithm, ITU-T I.371: the theoretical arrival time). */
  private full = 0;
  /** When `full` was written. */
  private at = 0;
  private running = 0;
  private readonly spent: Record<BudgetWindow, Spent> = {
    hour: { window: 0, calls: 0, octets: 0 },
    day: { window: 0, calls: 0, octets: 0 },
  };

  constructor(key: string, agent: string) {
    this.key = key;
    this.agent = agent;
  }

  /** Takes so many calls, or says why not and takes nothing. */
  take(rule: LimitRule, calls: number, now: CounterTime): Shortage | null {
    const shortage =
      this.overRate(rule, calls, now) ??
      this.overPlaces(rule, calls) ??
      this.overBudget(rule, 'hour', calls, now) ??
      this.overBudget(rule, 'day', calls, now);
    if (shortage) return shortage;
    if (rule.rate) {
      this.full += calls * interval(rule.rate);
      this.at = now;
    }
    this.running += calls;
    if (rule.budget.hour) this.spent.hour.calls += calls;
    if (rule.budget.day) this.spent.day.calls += calls;
    return null;
  }

  /** Takes back what `take` took a moment ago, for a call that another counter refuses. */
  untake(rule: LimitRule, calls: number): void {
    if (rule.rate) this.full -= calls * interval(rule.rate);
    this.running -= calls;
    if (rule.budget.hour) this.spent.hour.calls -= calls;
    if (rule.budget.day) this.spent.day.calls -= calls;
  }

  leave(calls: number): void {
    this.running -= calls;
  }

  spend(rule: LimitRule, octets: number, now: CounterTime): Shortage | null {
    return this.spendIn(rule, 'hour', octets, now) ?? this.spendIn(rule, 'day', octets, now);
  }

  /** Whether it holds nothing that a fresh counter would not. */
  idle(now: CounterTime): boolean {
    return this.running === 0 && this.full <= now && this.unspent('hour', now) && this.unspent('day', now);
  }

  private overRate(rule: LimitRule, calls: number, now: CounterTime): Shortage | null {
    const { rate } = rule;
    if (!rate) return null;
    const each = interval(rate);
    this.full = this.fullAgain(rate, now);
    const wait = this.full + calls * each - (now + rate.burst * each);
    if (wait <= tolerance) return null;
    return { rule, kind: 'rate', window: null, milliseconds: wait, never: calls > rate.burst };
  }

  /** As if this rule had held when it was written: it may have been made wider since. */
  private fullAgain(rate: Rate, now: CounterTime): CounterTime {
    return Math.max(now, Math.min(this.full, this.at + rate.burst * interval(rate)));
  }

  private overPlaces(rule: LimitRule, calls: number): Shortage | null {
    if (rule.concurrent === null || this.running + calls <= rule.concurrent) return null;
    return { rule, kind: 'concurrent', window: null, milliseconds: null, never: calls > rule.concurrent };
  }

  private overBudget(
    rule: LimitRule,
    window: BudgetWindow,
    calls: number,
    now: CounterTime,
  ): Shortage | null {
    const budget = rule.budget[window];
    if (!budget) return null;
    const spent = this.current(window, now);
    const { calls: most } = budget;
    if (most !== null && spent.calls + calls > most) {
      return { rule, kind: 'calls', window, milliseconds: untilNext(window, now), never: calls > most };
    }
    if (budget.octets === null || spent.octets < budget.octets) return null;
    return { rule, kind: 'octets', window, milliseconds: untilNext(window, now), never: false };
  }

  private spendIn(rule: LimitRule, window: BudgetWindow, octets: number, now: CounterTime): Shortage | null {
    const most = rule.budget[window]?.octets ?? null;
    if (most === null) return null;
    const spent = this.current(window, now);
    spent.octets += octets;
    if (spent.octets <= most) return null;
    return { rule, kind: 'octets', window, milliseconds: untilNext(window, now), never: false };
  }

  /** What was spent in the window that `now` falls into. */
  private current(window: BudgetWindow, now: CounterTime): Spent {
    const spent = this.spent[window];
    const index = Math.floor(now / budgetWindows[window]);
    if (index > spent.window) {
      spent.window = index;
      spent.calls = 0;
      spent.octets = 0;
    }
    return spent;
  }

  private unspent(window: BudgetWindow, now: CounterTime): boolean {
    const { calls, octets } = this.current(window, now);
    return calls === 0 && octets === 0;
  }
}

interface Spent {
  window: number;
  calls: number;
  octets: number;
}

/** Sums of fractions of a millisecond are off by a little, in milliseconds. */
const tolerance = 0.01;

type Rate = NonNullable<LimitRule['rate']>;

function interval(rate: Rate): number {
  return rate.milliseconds / rate.calls;
}

function untilNext(window: BudgetWindow, now: CounterTime): number {
  return budgetWindows[window] - (now % budgetWindows[window]);
}
