import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';

/** How many messages are looked at in a second, evenly; twice as many may come at once. Each costs about 5 ms. */
const perSecond = 20;

/** Takes one message out of the budget of a moment. Throws Fault `rate_exceeded` when it is used up. */
export function createMessageBudget(clock: Clock): () => void {
  let left = perSecond * 2;
  let at = clock.monotonic();
  return () => {
    const now = clock.monotonic();
    left = Math.min(perSecond * 2, left + ((now - at) * perSecond) / 1_000);
    at = now;
    if (left < 1) {
      throw new Fault('rate_exceeded', 'More SCEP messages come than are looked at. Try again.', {
        retryAfterMilliseconds: 2_000,
      });
    }
    left -= 1;
  };
}
