import type { Clock } from '../../kernel/clock.ts';

/** How long a list waits for a server: the whole deadline, or little when it missed the deadline lately. */
export interface Patience {
  /** In milliseconds. */
  with(party: string, server: string): number;
  missed(party: string, server: string): void;
  answered(party: string, server: string): void;
}

/** For so many deadlines a server that missed one gets a tenth of it. */
const remembered = 10;
/** What is remembered at most; the oldest goes. */
const mostMisses = 10_000;

/** For each agent by itself: its own session or child may be slow where another's is not. */
export function createPatience(clock: Clock, milliseconds: number): Patience {
  const misses = new Map<string, number>();
  const key = (party: string, server: string): string => `${party} ${server}`;
  return {
    with(party, server) {
      const until = misses.get(key(party, server)) ?? 0;
      return until > clock.monotonic() ? Math.ceil(milliseconds / 10) : milliseconds;
    },
    missed(party, server) {
      misses.delete(key(party, server));
      misses.set(key(party, server), clock.monotonic() + remembered * milliseconds);
      const [oldest] = misses.keys();
      if (misses.size > mostMisses && oldest !== undefined) misses.delete(oldest);
    },
    answered: (party, server) => void misses.delete(key(party, server)),
  };
}
