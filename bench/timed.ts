/** How long something took, over and over. */
export interface Timed {
  readonly perSecond: number;
  /** Microseconds, as is `p99`. */
  readonly p50: number;
  readonly p99: number;
}

const second = 1_000_000_000;

/** Does something so many times, after a quarter as many times to warm up; `at` is negative for those. */
export function timed(count: number, act: (at: number) => unknown): Timed {
  for (let at = 0; at < count / 4; at++) act(-1 - at);
  const times = new Float64Array(count);
  for (let at = 0; at < count; at++) {
    const start = process.hrtime.bigint();
    act(at);
    times[at] = Number(process.hrtime.bigint() - start);
  }
  const sum = times.reduce((total, time) => total + time, 0);
  times.sort();
  const share = (part: number): number => (times[Math.floor(part * count)] ?? 0) / 1_000;
  return { perSecond: (count * second) / sum, p50: share(0.5), p99: share(0.99) };
}
