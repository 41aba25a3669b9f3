import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSoakPlace } from '../../bench/soak/open-place.ts';
import { slopeOf, verdictOf } from '../../bench/soak/slope.ts';
import { drive, noCounts } from '../../bench/soak/traffic.ts';
import { lookAt } from '../../bench/soak/watch.ts';
import { pause, until } from './kit/until.ts';

/** How much traffic there is before what is left is counted. */
const rounds = { calls: 600, streamsBroken: 40, renewals: 12 };

test('S3 after traffic of every kind connections, live calls and open files of every process are as few as before', {
  timeout: 240_000,
}, async (context) => {
  await using place = await openSoakPlace(12, 20);
  const files = async (): Promise<ReadonlyMap<string, number>> => {
    const counts = new Map<string, number>();
    for (const [name, pid] of place.processes) counts.set(name, (await lookAt(pid, place.probes, 0)).files);
    return counts;
  };
  const some = async (): Promise<void> => {
    const [counts, end] = [noCounts(), new AbortController()];
    const traffic = drive(place, end.signal, counts);
    await until(
      'enough traffic',
      () => Object.entries(rounds).every(([what, least]) => counts[what as keyof typeof rounds] >= least),
      120_000,
    );
    end.abort();
    await traffic;
    assert.deepEqual(counts.failures, []);
    context.diagnostic(JSON.stringify(counts));
  };
  // The first time opens what stays open, such as the connections to the servers.
  await some();
  const quiet = (): Promise<void> =>
    until('the end of all connections', async () => {
      for (const { process } of place.gateways) {
        const metrics = await (await fetch(`${process.listening['ops']}/metrics`)).text();
        if (metricIn(metrics, 'agent_connections') > 1 || metricIn(metrics, 'live_calls') > 0) return false;
      }
      return true;
    });
  await quiet();
  const before = await files();
  await some();
  await quiet();
  await until('as few open files as before', async () => {
    const now = await files();
    await pause(500);
    return [...before].every(([name, count]) => (now.get(name) ?? 0) <= count + 4);
  });
});

function metricIn(text: string, name: string): number {
  return Number(new RegExp(`^countersign_${name}(?:\\{[^}]*\\})? ([0-9.]+)$`, 'm').exec(text)?.[1]);
}

test('S3 the slope of a soak is that of the line through what was measured, and noise alone is no growth', () => {
  const points = [0, 1, 2, 3, 4, 5].map((time) => [time, 100 + 7 * time] as const);
  const exact = slopeOf(points);
  assert.ok(Math.abs(exact.perUnit - 7) < 1e-9 && exact.within < 1e-6);
  assert.equal(verdictOf(exact, 5), 'grows');
  const noisy = slopeOf(points.map(([time], at) => [time, 100 + (at % 2 === 0 ? 5 : -5)] as const));
  assert.equal(verdictOf(noisy, 5), 'bounded');
  assert.ok(noisy.within > 1);
});
