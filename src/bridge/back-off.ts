import { setTimeout as wait } from 'node:timers/promises';
import { randomFraction } from '../kernel/random.ts';
import type { BridgeLimits } from './limits.ts';

/** Waits that grow with every failure and are spread out, so that bridges do not return in step. */
export interface BackOff {
  /** Resolves after the next wait, or at once when the signal is aborted. */
  pause(signal: AbortSignal): Promise<void>;
  /** It worked: the next wait is the shortest again. */
  reset(): void;
}

export function createBackOff(
  limits: Pick<BridgeLimits, 'backOffMilliseconds' | 'longestBackOffMilliseconds'>,
): BackOff {
  let failures = 0;
  return {
    async pause(signal) {
      const longest = Math.min(
        limits.backOffMilliseconds * 2 ** Math.min(failures++, 30),
        limits.longestBackOffMilliseconds,
      );
      await pause(longest * (0.5 + randomFraction() / 2), signal);
    },
    reset() {
      failures = 0;
    },
  };
}

/** Waits; resolves early when the signal is aborted. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await wait(milliseconds, undefined, { signal }).catch(() => undefined);
}
