/** What ends when, for the metrics of the `ops` listener. */
export interface EndCounts {
  /** Takes one certificate that is in force and has no successor yet. Times are epoch milliseconds. */
  add(kind: string, endsAt: number): void;
  metrics(): Readonly<Record<string, number>>;
}

const hour = 60 * 60_000;
const within: Readonly<Record<string, number>> = { '1h': hour, '24h': 24 * hour, '7d': 7 * 24 * hour };

/** Counts as of a moment; every kind has a row, so that none is missing from a graph while it has no certificates. */
export function countEnds(now: number, kinds: readonly string[]): EndCounts {
  const soonest = new Map<string, number>();
  const counts = new Map<string, number>(
    kinds.flatMap((kind) => Object.keys(within).map((name) => [labels(kind, name), 0] as const)),
  );
  return {
    add(kind, endsAt) {
      soonest.set(kind, Math.min(endsAt, soonest.get(kind) ?? endsAt));
      for (const [name, length] of Object.entries(within)) {
        const key = labels(kind, name);
        if (endsAt <= now + length) counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    },
    metrics() {
      const ends = [...soonest].map(([kind, at]) => [
        `certificate_soonest_end_seconds{kind="${kind}"}`,
        Math.floor(at / 1_000),
      ]);
      const ending = [...counts].map(([key, count]) => [`certificates_ending{${key}}`, count]);
      return Object.fromEntries([...ends, ...ending]) as Record<string, number>;
    },
  };
}

function labels(kind: string, name: string): string {
  return `kind="${kind}",within="${name}"`;
}
