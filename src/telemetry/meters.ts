import { type LabelValues, type MetricId, type MetricRow, metricCatalogue } from './metric-catalogue.ts';

/** What stands for every value that a family has no room for. */
export const otherValue = '_OTHER';

/** The upper bounds of the buckets of a duration, in seconds: from a tenth of a millisecond to what a person waits. */
export const secondsBuckets: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** One row of a family: a number, or how durations are spread. */
export interface Series {
  readonly labels: readonly string[];
  /** The number; of a histogram, the sum. */
  value: number;
  /** Of a histogram: how many fell into each bucket and, last, beyond; else null. */
  readonly buckets: number[] | null;
}

/** Everything that was measured, at one moment. */
export interface Reading {
  readonly id: MetricId;
  readonly row: MetricRow;
  readonly series: readonly Series[];
}

/** What `gauge` takes from elsewhere when somebody reads: a number, rows with their labels, or null for none now. */
export type Source<Id extends MetricId> = () =>
  | number
  | null
  | readonly (readonly [labels: LabelValues<Id>, value: number])[];

/** The measurements of one process. */
export interface Meters {
  /** Adds to a counter. */
  add<Id extends MetricId>(id: Id, labels: LabelValues<Id>, by?: number): void;
  /** Takes one duration, in milliseconds, into a histogram of seconds. */
  time<Id extends MetricId>(id: Id, labels: LabelValues<Id>, milliseconds: number): void;
  /** Has a gauge, or a counter that somebody else keeps, asked whenever it is read. Several sources of one family add up. */
  gauge<Id extends MetricId>(id: Id, source: Source<Id>): void;
  /** Has something done, at most a second long, before the measurements are read. */
  beforeReading(work: () => Promise<void>): void;
  read(): Promise<readonly Reading[]>;
}

/** The most rows of one family: what is beyond is counted together, so that nobody can fill the memory. */
const defaultMost = 1_000;

/** `most`: how many rows families may have, where that is not a thousand. */
export function createMeters(most: Partial<Record<MetricId, number>> = {}): Meters {
  const families = new Map<MetricId, Family>();
  const sources: (readonly [MetricId, Source<MetricId>])[] = [];
  const works: (() => Promise<void>)[] = [];
  const familyOf = (id: MetricId): Family => {
    const known = families.get(id);
    if (known) return known;
    const made = new Family(metricCatalogue[id], most[id] ?? defaultMost);
    families.set(id, made);
    return made;
  };
  return {
    add(id, labels, by = 1) {
      familyOf(id).series(labels).value += by;
    },
    time(id, labels, milliseconds) {
      const seconds = milliseconds / 1_000;
      const { buckets } = addTo(familyOf(id).series(labels), seconds);
      const at = bucketOf(seconds);
      if (buckets) buckets[at] = (buckets[at] ?? 0) + 1;
    },
    gauge(id, source) {
      sources.push([id, source]);
    },
    beforeReading: (work) => void works.push(work),
    async read() {
      await Promise.race([Promise.allSettled(works.map((work) => work())), soon()]);
      const now = new Map<MetricId, Family>();
      for (const [id, source] of sources) {
        const family = now.get(id) ?? new Family(metricCatalogue[id], most[id] ?? defaultMost);
        now.set(id, family);
        for (const [labels, value] of rowsOf(source)) family.series(labels).value += value;
      }
      return (Object.keys(metricCatalogue) as MetricId[]).flatMap((id) => {
        const series = [...(families.get(id)?.all() ?? []), ...(now.get(id)?.all() ?? [])];
        return series.length === 0 ? [] : [{ id, row: metricCatalogue[id], series }];
      });
    },
  };
}

function addTo(series: Series, amount: number): Series {
  series.value += amount;
  return series;
}

/** The place of a duration among the buckets; the one past the last is without bound. */
function bucketOf(seconds: number): number {
  let at = 0;
  while (at < secondsBuckets.length && seconds > (secondsBuckets[at] ?? 0)) at += 1;
  return at;
}

/** What one source says now; a source that fails says nothing. */
function rowsOf(source: Source<MetricId>): readonly (readonly [readonly string[], number])[] {
  try {
    const said = source();
    if (said === null) return [];
    return typeof said === 'number' ? [[[], said]] : said;
  } catch {
    return [];
  }
}

function soon(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1_000).unref());
}

/** The rows of one family by the values of their labels. */
class Family {
  private readonly rows = new Map<string, Series>();
  private readonly histogram: boolean;
  private readonly most: number;

  constructor({ type }: MetricRow, most: number) {
    this.histogram = type === 'histogram';
    this.most = most;
  }

  series(labels: readonly string[]): Series {
    const key = labels.length === 1 ? (labels[0] ?? '') : labels.join('\n');
    const known = this.rows.get(key);
    if (known) return known;
    if (this.rows.size >= this.most && labels.some((value) => value !== otherValue)) {
      return this.series(labels.map(() => otherValue));
    }
    const buckets = this.histogram ? Array<number>(secondsBuckets.length + 1).fill(0) : null;
    const made: Series = { labels, value: 0, buckets };
    this.rows.set(key, made);
    return made;
  }

  all(): Iterable<Series> {
    return this.rows.values();
  }
}
