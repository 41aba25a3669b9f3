import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from '../scripts/bundle.ts';
import { builtProgramVariable } from '../test/journeys/fresh-authority.ts';
import { pause } from '../test/faults/kit/until.ts';
import { slopeOf, verdictOf } from './soak/slope.ts';
import type { Counts } from './soak/traffic.ts';
import type { Sample } from './soak/watch.ts';

/**
 * Whether memory is bounded: traffic of every kind for half an hour at an authority, two gateways and a bridge, processes of
 * their own, each looked at again and again after a full collection. Prints the least-squares slope of what each holds.
 * `npm run soak -- [--minutes 30] [--every 20] [--pause 100] [--warm 60] [--out file.json]`
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    /** Seconds between two looks. */
    every: { type: 'string', default: '20' },
    /** Milliseconds between two calls of a worker. */
    pause: { type: 'string', default: '100' },
    /** The part of the time that warms up and is not counted, of a hundred. */
    warm: { type: 'string', default: '60' },
    out: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
const warming = Number(values.warm) / 100;
const mebibyte = 1_048_576;

// Beside the packages that it imports, as it ships: what is measured is the program and not the reading of its sources.
const built = await mkdtemp(join(import.meta.dirname, '../node_modules/.countersign-soak-'));
try {
  await bundle(built);
  process.env[builtProgramVariable] = join(built, 'main.js');
  await soak();
} finally {
  await rm(built, { recursive: true, force: true });
}

async function soak(): Promise<void> {
  // After the variable is set, which these read.
  const { openSoakPlace } = await import('./soak/open-place.ts');
  const { drive, noCounts } = await import('./soak/traffic.ts');
  const { lookAt } = await import('./soak/watch.ts');
  await using place = await openSoakPlace(24, Number(values.pause));
  const samples = new Map<string, Sample[]>();
  const [counts, end] = [noCounts(), new AbortController()];
  const loads: number[] = [];
  const traffic = drive(place, end.signal, counts);
  const began = performance.now();
  while (performance.now() - began < minutes * 60_000) {
    await pause(Number(values.every) * 1_000);
    for (const [name, pid] of place.processes) {
      const all = samples.get(name) ?? [];
      all.push(await lookAt(pid, place.probes, performance.now() - began));
      samples.set(name, all);
    }
    loads.push(loadavg()[0] ?? 0);
  }
  end.abort();
  await traffic;
  report(samples, counts, loads);
  if (values.out !== undefined) {
    await writeFile(
      values.out,
      `${JSON.stringify({ counts, loads, samples: Object.fromEntries(samples) })}\n`,
    );
  }
}

function report(
  samples: ReadonlyMap<string, readonly Sample[]>,
  counts: Counts,
  loads: readonly number[],
): void {
  const { failures, ...done } = counts;
  const load = loads.reduce((sum, one) => sum + one, 0) / loads.length;
  const processor = `${cpus().length} × ${cpus()[0]?.model ?? 'processor'}`;
  print(`${minutes} minutes on ${processor}, load ${load.toFixed(1)}, Node ${process.versions.node}.`);
  print(
    `${Object.entries(done)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}.\n`,
  );
  print('| process | of what | mean MiB | KiB a minute, ± 95 % | verdict | files at first, at last |');
  print('|---|---|--:|--:|---|--:|');
  for (const [name, all] of samples) {
    const counted = all.filter(({ at }) => at >= minutes * 60_000 * warming);
    for (const what of ['heap', 'external', 'resident'] as const) {
      const slope = slopeOf(counted.map((sample) => [sample.at / 60_000, sample[what]]));
      const kibibytes = (octets: number): string => (octets / 1_024).toFixed(1);
      const cells = [
        name,
        what,
        (slope.mean / mebibyte).toFixed(1),
        `${kibibytes(slope.perUnit)} ± ${kibibytes(slope.within)}`,
        verdictOf(slope, minutes * (1 - warming)),
        `${counted[0]?.files}, ${counted.at(-1)?.files}`,
      ];
      print(`| ${cells.join(' | ')} |`);
    }
  }
  print(`\nThe first ${(minutes * warming).toFixed(0)} minutes warm up and are not counted.`);
  print(failures.length === 0 ? 'Nothing failed.' : `${failures.length} failed, such as: ${failures[0]}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
