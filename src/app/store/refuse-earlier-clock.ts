import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';

/** How far the clock may stand behind the newest record: a time server's correction, not a reset clock. */
const tolerance = 60_000;

/**
 * Certificates made while the clock is reset would overlap the past: expired ones would look valid again. `newest` is when the
 * state was last changed, null for never. Throws Fault `clock_behind`.
 */
export function refuseEarlierClock(newest: number | null, state: string, clock: Clock): void {
  if (newest === null || clock.now() >= newest - tolerance) return;
  throw new Fault(
    'clock_behind',
    `This machine's clock says ${new Date(clock.now()).toISOString()}, and ${state} was changed at ` +
      `${new Date(newest).toISOString()}. Set the clock, then start again.`,
  );
}
