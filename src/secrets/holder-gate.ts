import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { randomFraction } from '../kernel/random.ts';
import { type Attempts, createAttempts } from './attempts.ts';
import type { HolderLimits } from './holder-limits.ts';

/** How a holder of secrets is waited for: a call waits for it. */
export const secretLimits: HolderLimits = {
  attemptMilliseconds: 3_000,
  totalMilliseconds: 5_000,
  attempts: 2,
  concurrent: 8,
};

const firstWait = 500;
const longestWait = 15_000;

/** Whether a fault is of a kind that may pass by itself. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof Fault)) return error instanceof Error && error.name === 'TimeoutError';
  return error.code === 'unavailable' || error.code === 'timed_out';
}

/** The wait after so many failures in a row, in milliseconds, with jitter. */
export function waitAfter(failures: number): number {
  return Math.min(longestWait, firstWait * 2 ** (failures - 1)) * (0.8 + 0.4 * randomFraction());
}

/**
 * The way to one holder: so many acts at once, and none while it is left alone because it did not answer. After that wait
 * one act tries, and the others go by how it fares.
 */
export class HolderGate {
  readonly #clock: Clock;
  readonly #attempts: Attempts;
  #failures = 0;
  #closedUntil = Number.NEGATIVE_INFINITY;
  #why: unknown = null;
  #probe: Promise<unknown> | null = null;

  constructor(who: string, clock: Clock, limits: HolderLimits) {
    this.#clock = clock;
    this.#attempts = createAttempts(limits, who);
  }

  /** Throws what the act throws, or Fault `unavailable` at once while the holder is left alone. */
  async run<Value>(act: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    this.#refuseWhileClosed();
    if (this.#failures > 0 && this.#probe) {
      await this.#probe.catch(() => undefined);
      this.#refuseWhileClosed();
    }
    const running = this.#counted(act);
    if (this.#failures === 0) return await running;
    this.#probe = running;
    try {
      return await running;
    } finally {
      if (this.#probe === running) this.#probe = null;
    }
  }

  async #counted<Value>(act: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    try {
      const value = await this.#attempts.run(act);
      this.#failures = 0;
      return value;
    } catch (error) {
      if (mayPass(error)) {
        // Acts that were under way together are one failure.
        if (this.#clock.monotonic() >= this.#closedUntil) this.#failures += 1;
        this.#closedUntil = this.#clock.monotonic() + waitAfter(this.#failures);
        this.#why = error;
      } else {
        this.#failures = 0;
      }
      throw error;
    }
  }

  #refuseWhileClosed(): void {
    const left = this.#closedUntil - this.#clock.monotonic();
    if (this.#failures === 0 || left <= 0) return;
    const detail = this.#why instanceof Fault ? this.#why.message : 'It did not answer in time.';
    throw new Fault('unavailable', detail, { cause: this.#why, retryAfterMilliseconds: left });
  }
}
