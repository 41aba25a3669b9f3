/** A line through measured points, and how sure it is. */
export interface Slope {
  /** How much the value grows in one unit of time. */
  readonly perUnit: number;
  /** Half of the width of the interval of 95 % around it. */
  readonly within: number;
  readonly mean: number;
}

/**
 * The least-squares line through points of time and value. The interval takes the points for independent of one another, which
 * samples of a process are not quite: the true one is wider.
 */
export function slopeOf(points: readonly (readonly [number, number])[]): Slope {
  const count = points.length;
  const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / count;
  const meanTime = meanOf(points.map(([time]) => time));
  const mean = meanOf(points.map(([, value]) => value));
  let [times, both] = [0, 0];
  for (const [time, value] of points) {
    times += (time - meanTime) ** 2;
    both += (time - meanTime) * (value - mean);
  }
  const perUnit = both / times;
  const left = points.reduce(
    (sum, [time, value]) => sum + (value - mean - perUnit * (time - meanTime)) ** 2,
    0,
  );
  const error = Math.sqrt(left / Math.max(1, count - 2) / times);
  return { perUnit, within: 1.96 * error, mean };
}

/**
 * What the slope of memory says: `bounded` where no growth can be told from none, or what there is comes to less than a hundredth
 * of what is held in the time that was measured; else `grows`.
 */
export function verdictOf({ perUnit, within, mean }: Slope, duration: number): 'bounded' | 'grows' {
  return perUnit - within <= 0 || perUnit * duration < mean / 100 ? 'bounded' : 'grows';
}
