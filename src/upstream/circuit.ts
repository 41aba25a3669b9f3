import type { Clock } from '../kernel/clock.ts';

/** When a circuit opens, and for how long. */
export interface CircuitLimits {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open the first time; it doubles with each trial that fails. */
  readonly openMilliseconds: number;
  readonly longestOpenMilliseconds: number;
}

/** A call that was let through, which says at its end, once, how it went. */
export interface Attempt {
  succeeded(): void;
  failed(): void;
  /** It ended and says nothing of the other side, as when its caller left. */
  undecided(): void;
}

/**
 * Keeps calls from something that fails. Closed, it lets everything through; open, nothing for a while; half-open, one
 * call at a time that tries. A trial that succeeds closes it, one that fails opens it for twice as long.
 */
export interface Circuit {
  readonly state: 'closed' | 'open' | 'half-open';
  /** A call that may go, or how long to wait in milliseconds. */
  attempt(): Attempt | number;
  /** For calls that began before it was asked. */
  readonly earlier: Attempt;
}

/** What is said to those that come while a trial is on its way. */
const trialMilliseconds = 1_000;

/** `onTurn` is told when it opens, with the milliseconds, and when it closes again, with 0. */
export function createCircuit(
  clock: Clock,
  limits: CircuitLimits,
  onTurn: (openMilliseconds: number) => void,
): Circuit {
  let failures = 0;
  let openings = 0;
  let openUntil: number | null = null;
  let trying = false;

  const open = (): void => {
    const { openMilliseconds, longestOpenMilliseconds } = limits;
    const milliseconds = Math.min(openMilliseconds * 2 ** openings, longestOpenMilliseconds);
    openings += 1;
    openUntil = clock.monotonic() + milliseconds;
    onTurn(milliseconds);
  };
  const close = (): void => {
    failures = 0;
    openings = 0;
    if (openUntil === null) return;
    openUntil = null;
    onTurn(0);
  };
  const earlier: Attempt = {
    succeeded: close,
    failed() {
      failures += 1;
      // Calls that began before it opened say nothing new.
      if (openUntil === null && failures >= limits.failures) open();
    },
    undecided: () => undefined,
  };
  const ended = (then: () => void) => (): void => {
    trying = false;
    then();
  };
  const trial: Attempt = {
    succeeded: ended(close),
    failed: ended(open),
    undecided: ended(() => undefined),
  };

  return {
    get state() {
      if (openUntil === null) return 'closed';
      return clock.monotonic() < openUntil ? 'open' : 'half-open';
    },
    attempt() {
      if (openUntil === null) return earlier;
      const wait = openUntil - clock.monotonic();
      if (wait > 0) return wait;
      if (trying) return trialMilliseconds;
      trying = true;
      return trial;
    },
    earlier,
  };
}
