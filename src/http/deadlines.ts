import type { Clock } from '../kernel/clock.ts';

/** Something that must come to an end by a time. */
export interface Overdue {
  /** On the monotonic clock, in milliseconds; infinite when it may take for ever. May be moved to later at any time. */
  readonly deadline: number;
  expire(): void;
}

/**
 * Ends what is overdue. One timer stands for the earliest of all deadlines: what ends in time, as nearly everything
 * does, or is given more time, costs no timer.
 */
export class Deadlines {
  private readonly clock: Clock;
  private readonly watched = new Set<Overdue>();
  private timer: NodeJS.Timeout | null = null;
  /** When the timer ends. */
  private timerEnds = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Watches something from now on, or one whose deadline was moved to sooner. */
  watch(overdue: Overdue): void {
    this.watched.add(overdue);
    if (overdue.deadline < this.timerEnds) this.wake(overdue.deadline);
  }

  /** It has ended. */
  forget(overdue: Overdue): void {
    this.watched.delete(overdue);
  }

  private wake(at: number): void {
    if (this.timer) clearTimeout(this.timer);
    this.timerEnds = at;
    this.timer = setTimeout(() => this.look(), Math.max(1, at - this.clock.monotonic()));
    // What is watched has sockets of its own to keep the process.
    this.timer.unref();
  }

  private look(): void {
    this.timer = null;
    this.timerEnds = Number.POSITIVE_INFINITY;
    const now = this.clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const overdue of this.watched) {
      if (overdue.deadline > now) next = Math.min(next, overdue.deadline);
      else if (this.watched.delete(overdue)) overdue.expire();
    }
    if (next < this.timerEnds) this.wake(next);
  }
}
