import type { Health } from './checks.ts';
import type { Reading } from './meters.ts';

/** What a process answers at its `ops` listener. */
export interface Report {
  readonly health: Health;
  readonly readings: readonly Reading[];
}

/**
 * What a process reports of itself and of its workers: each of their parts by the worker's number, and every measurement with the
 * label `worker`, empty for its own. It can serve when it could itself and one worker can.
 */
export function byWorker(own: Report, reports: ReadonlyMap<number, Report>, count: number): Report {
  const parts = { ...own.health.parts };
  const missing = count - reports.size;
  const detail = missing === 0 ? `${count} at work` : `${missing} of ${count} start anew`;
  parts['workers'] = { ok: missing === 0, detail, weight: 'told' };
  for (const [number, { health }] of reports) {
    for (const [name, part] of Object.entries(health.parts)) parts[`worker ${number} ${name}`] = part;
  }
  const healths = [...reports.values()].map(({ health }) => health);
  const ready = own.health.ready && healths.some((health) => health.ready);
  const started = own.health.started && healths.some((health) => health.started);
  const merged = new Map<string, Reading>();
  for (const [worker, { readings }] of [['', own] as const, ...reports]) {
    for (const reading of readings) {
      const before = merged.get(reading.id);
      const row = { ...reading.row, labels: [...reading.row.labels, 'worker'] };
      const series = reading.series.map((one) => ({ ...one, labels: [...one.labels, String(worker)] }));
      merged.set(reading.id, { ...reading, row, series: [...(before?.series ?? []), ...series] });
    }
  }
  return { health: { ready, started, parts }, readings: [...merged.values()] };
}
