import type { Contestant } from './contestants.ts';
import { measureAbandoned } from './abandoned-sessions.ts';
import { type Handshakes, measureHandshakes } from './handshakes.ts';
import { measureIdle } from './idle-connections.ts';
import { type LargeStream, measureLargeStream } from './large-stream.ts';
import { median, pairedRatio } from './measure.ts';
import type { Rig } from './rig.ts';

/** The tables beside those of calls, each as lines of Markdown. The first contestant is what the others are divided by. */

export async function idleTable(
  rig: Rig,
  contestants: readonly Contestant[],
  counts: readonly number[],
): Promise<readonly string[]> {
  const rows: string[] = [];
  for (const contestant of contestants) {
    for (const count of counts) {
      const { each, total } = await measureIdle(rig, contestant, count);
      rows.push(row(contestant.name, count, (total / 1_024).toFixed(0), each.toFixed(0)));
    }
  }
  return ['| contestant | connections | resident MiB | KiB each |', '|---|--:|--:|--:|', ...rows];
}

export async function handshakeTable(
  rig: Rig,
  contestants: readonly Contestant[],
  how: { readonly resume: boolean; readonly rounds: number; readonly milliseconds: number },
): Promise<readonly string[]> {
  const all = await inTurn(contestants, how.rounds, (contestant) => measureHandshakes(rig, contestant, how));
  const base = all.values().next().value ?? [];
  const rows = [...all].map(([name, seen]) =>
    row(
      name,
      of(seen, ({ perSecond }) => perSecond).toFixed(0),
      of(seen, ({ cpu }) => cpu).toFixed(0),
      ratio(seen, base, ({ perSecond }) => perSecond),
      ratio(seen, base, ({ cpu }) => cpu),
      sum(seen, ({ resumed }) => resumed),
      sum(seen, ({ failures }) => failures),
    ),
  );
  return [
    '| contestant | handshakes/s | CPU µs | handshakes/s ÷ nginx | CPU ÷ nginx | resumed | failures |',
    '|---|--:|--:|--:|--:|--:|--:|',
    ...rows,
  ];

  function sum(seen: readonly Handshakes[], part: (each: Handshakes) => number): number {
    return seen.reduce((total, each) => total + part(each), 0);
  }
}

export async function largeTable(
  rig: Rig,
  contestants: readonly Contestant[],
  rounds: number,
): Promise<readonly string[]> {
  const all = await inTurn(contestants, rounds, (contestant) => measureLargeStream(rig, contestant));
  const base = all.values().next().value ?? [];
  const rows = [...all].map(([name, seen]) =>
    row(
      name,
      of(seen, ({ megabytesPerSecond }) => megabytesPerSecond).toFixed(0),
      of(seen, ({ cpu }) => cpu).toFixed(0),
      ratio(seen, base, ({ megabytesPerSecond }) => megabytesPerSecond),
      Math.max(...seen.map(({ grown }: LargeStream) => grown)).toFixed(0),
    ),
  );
  return [
    '| contestant | MB/s | CPU µs a MB | MB/s ÷ nginx | resident memory grew by MiB, at the most |',
    '|---|--:|--:|--:|--:|',
    ...rows,
  ];
}

export async function abandonedTable(
  rig: Rig,
  contestants: readonly Contestant[],
  count: number,
): Promise<readonly string[]> {
  const rows: string[] = [];
  for (const contestant of contestants) {
    const seen = await measureAbandoned(rig, contestant, count);
    rows.push(
      row(
        contestant.name,
        seen.sessions,
        seen.perSecond.toFixed(0),
        seen.first.toFixed(0),
        seen.last.toFixed(0),
        seen.failures,
      ),
    );
  }
  return [
    '| contestant | sessions | a second | resident MiB after the first fifth | after all | failures |',
    '|---|--:|--:|--:|--:|--:|',
    ...rows,
  ];
}

async function inTurn<Seen>(
  contestants: readonly Contestant[],
  rounds: number,
  measure: (contestant: Contestant) => Promise<Seen>,
): Promise<ReadonlyMap<string, readonly Seen[]>> {
  const all = new Map<string, Seen[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const contestant of contestants) {
      const seen = await measure(contestant);
      // The first round warms up.
      if (round > 0) all.get(contestant.name)?.push(seen);
    }
  }
  return all;
}

function of<Seen>(seen: readonly Seen[], part: (each: Seen) => number): number {
  return median(seen.map(part));
}

function ratio<Seen>(mine: readonly Seen[], base: readonly Seen[], part: (each: Seen) => number): string {
  return pairedRatio(mine, base, part).toFixed(2);
}

function row(...cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}
