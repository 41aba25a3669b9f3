import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Clock } from '../../kernel/clock.ts';
import type { Meters } from '../../telemetry/meters.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { version } from '../version.ts';

/** Measures the process itself. */
export function watchProcess({ meters, checks }: Telemetry, clock: Clock): Disposable {
  const started = Math.round(clock.now() / 1_000 - process.uptime());
  meters.gauge('startTime', () => started);
  meters.gauge('processorSeconds', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000_000;
  });
  meters.gauge('residentMemory', () => process.memoryUsage.rss());
  meters.gauge('heapUsed', () => process.memoryUsage().heapUsed);
  meters.gauge('heapLimit', () => getHeapStatistics().heap_size_limit);
  meters.gauge('build', () => [[[version, process.versions.node], 1]]);
  meters.gauge('ready', () => (checks.health().ready ? 1 : 0));
  meters.gauge('checkFailing', () =>
    Object.entries(checks.health().parts).map(([name, { ok, weight }]) => [[name, weight], ok ? 0 : 1]),
  );
  return watchEventLoop(meters);
}

/** What is read begins anew with each reading. */
function watchEventLoop(meters: Meters): Disposable {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  meters.gauge('eventLoopDelay', () => {
    const seconds = (nanoseconds: number): number => (Number.isFinite(nanoseconds) ? nanoseconds / 1e9 : 0);
    const rows = [
      [['50'], seconds(delay.percentile(50))],
      [['99'], seconds(delay.percentile(99))],
      [['100'], seconds(delay.max)],
    ] as const;
    delay.reset();
    return rows;
  });
  return { [Symbol.dispose]: () => void delay.disable() };
}
