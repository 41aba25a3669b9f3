/** Where the time comes from. Everything that needs the time is handed one of these. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds from an arbitrary origin that never runs backwards; for durations only. */
  monotonic(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
});

/** A clock that moves only when told; for specifications. */
export function steppedClock(start: number): Clock & { advance(milliseconds: number): void } {
  let time = start;
  return {
    now: () => time,
    monotonic: () => time,
    advance: (milliseconds) => {
      time += milliseconds;
    },
  };
}
