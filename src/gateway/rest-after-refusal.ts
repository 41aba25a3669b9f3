import type { Connection } from '../http/exchange.ts';
import type { Clock } from '../kernel/clock.ts';

/** The first rest, and the longest: less than a second, which `Retry-After` says at least. Milliseconds. */
const firstMilliseconds = 100;
const longestMilliseconds = 900;
/** Whoever comes again sooner than this has not heeded `Retry-After`, in milliseconds. */
const heededMilliseconds = 950;

interface Rested {
  readonly at: number;
  readonly milliseconds: number;
}

const restedFact = Symbol('rested');

/**
 * Lets the connection of a request over a limit rest: nothing to whoever heeds `Retry-After`, and the end of a flood,
 * which otherwise would cost a refusal and its record each time. The rest doubles while its peer comes back too soon.
 */
export function restAfterRefusal(connection: Connection, clock: Clock): void {
  const now = clock.monotonic();
  const last = connection.facts.get(restedFact) as Rested | undefined;
  const again = last !== undefined && now - last.at < last.milliseconds + heededMilliseconds;
  const milliseconds = again ? Math.min(last.milliseconds * 2, longestMilliseconds) : firstMilliseconds;
  connection.facts.set(restedFact, { at: now, milliseconds } satisfies Rested);
  connection.rest(milliseconds);
}
