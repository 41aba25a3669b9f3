import type { Clock } from '../../kernel/clock.ts';

/** How long a list waits for a server: the whole deadline, or little when it missed the deadline lately. */
export interface Patience {
  /** In milliseconds. */
  with(spiffeId: string, server: string): number;
  missed(spiffeId: string, server: string): void;
  answered(spiffeId: string, server: string): void;
}

/** For so many deadlines a server that missed one gets a tenth of it. */
const remembered = 10;
/** What is remembered at most; the oldest goes. */
const mostMisses = 10_000;

/** For each agent by itself: its own session or child may be slow where another's is not. */
export function createPatience(clock: Clock, milliseconds: number): Patience {
  const misses = new Map<string, number>();
  const key = (spiffeId: string, server: string): string => `${spiffeId} ${server}`;
  return {
    with(spiffeId, server) {
      const until = misses.get(key(spiffeId, server)) ?? 0;
      return until > clock.monotonic() ? Math.ceil(milliseconds / 10) : milliseconds;
    },
    missed(spiffeId, server) {
      misses.delete(key(spiffeId, server));
      misses.set(key(spiffeId, server), clock.monotonic() + remembered * milliseconds);
      const [oldest] = misses.keys();
      if (misses.size > mostMisses && oldest !== undefined) misses.delete(oldest);
    },
    answered: (spiffeId, server) => void misses.delete(key(spiffeId, server)),
  };
}
