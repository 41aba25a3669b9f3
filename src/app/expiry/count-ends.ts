/** How many certificates end soon, and when the first does; labels in the order of the catalogue. */
export interface EndMetrics {
  readonly certificatesEnding: readonly (readonly [labels: readonly [string, string], count: number])[];
  /** Seconds since 1970. */
  readonly certificateSoonestEnd: readonly (readonly [labels: readonly [string], at: number])[];
}

/** What ends when, for the metrics of the `ops` listener. */
export interface EndCounts {
  /** Takes one certificate that is in force and has no successor yet. Times are epoch milliseconds. */
  add(kind: string, endsAt: number): void;
  metrics(): EndMetrics;
}

const hour = 60 * 60_000;
const within: Readonly<Record<string, number>> = { '1h': hour, '24h': 24 * hour, '7d': 7 * 24 * hour };

/** Counts as of a moment; every kind has a row, so that none is missing from a graph while it has no certificates. */
export function countEnds(now: number, kinds: readonly string[]): EndCounts {
  const soonest = new Map<string, number>();
  const counts = new Map(
    kinds.map(
      (kind) => [kind, new Map<string, number>(Object.keys(within).map((name) => [name, 0]))] as const,
    ),
  );
  return {
    add(kind, endsAt) {
      soonest.set(kind, Math.min(endsAt, soonest.get(kind) ?? endsAt));
      const own = counts.get(kind) ?? new Map<string, number>();
      counts.set(kind, own);
      for (const [name, length] of Object.entries(within)) {
        if (endsAt <= now + length) own.set(name, (own.get(name) ?? 0) + 1);
      }
    },
    metrics: () => ({
      certificatesEnding: [...counts].flatMap(([kind, own]) =>
        [...own].map(([name, count]) => [[kind, name], count] as const),
      ),
      certificateSoonestEnd: [...soonest].map(([kind, at]) => [[kind], Math.floor(at / 1_000)] as const),
    }),
  };
}
