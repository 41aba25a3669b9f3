import type { Clock } from '../../kernel/clock.ts';

/** When an authority said something: milliseconds of its own monotonic clock, and which process that clock is of. */
export interface FeedStamp {
  readonly of: string;
  readonly at: number;
  /** The time of day at the authority, in epoch milliseconds. */
  readonly time: number;
}

/** How many comparisons of the clocks are kept: clocks drift apart, and the next ones count instead. */
const kept = 4;

/**
 * How old what a feed says is at the most, although the clocks of both sides have nothing to do with each other: what was
 * stamped in answer to a question was stamped after the question was sent, so the octets may have been held back on the way
 * only as long as our own clock says. Whoever can delay packets, and no more than that, makes a feed old and never young.
 */
export class FeedAge {
  private readonly clock: Pick<Clock, 'monotonic'>;
  /** Lower bounds of how far our clock is ahead of that of the authority's process. */
  private readonly bounds: { readonly of: string; readonly ahead: number }[] = [];
  private comparedAt: number;
  private newest: number | null = null;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.clock = clock;
    this.comparedAt = clock.monotonic();
  }

  /** Takes the stamp of an answer to a question that was sent at that time of our monotonic clock. */
  compare({ of, at }: Omit<FeedStamp, 'time'>, sentAt: number): void {
    this.bounds.push({ of, ahead: sentAt - at });
    if (this.bounds.length > kept) this.bounds.shift();
    this.comparedAt = this.clock.monotonic();
  }

  /**
   * When a message was said, at the earliest, by our monotonic clock. One without a stamp is as old as the one before it; and
   * where there are no stamps at all, as of an authority from before they were sent, everything was said when it came.
   */
  saidAt(stamp: Omit<FeedStamp, 'time'> | undefined): number {
    const now = this.clock.monotonic();
    if (!stamp) return this.newest ?? now;
    const ahead = this.bounds.filter(({ of }) => of === stamp.of).map((bound) => bound.ahead);
    const said = Math.min(now, stamp.at + Math.max(...ahead));
    this.newest = Math.max(this.newest ?? said, said);
    return this.newest;
  }

  /** Milliseconds since the clocks were last compared. */
  sinceCompared(): number {
    return this.clock.monotonic() - this.comparedAt;
  }
}
