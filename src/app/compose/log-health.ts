import type { Clock } from '../../kernel/clock.ts';
import type { ExportStatus } from '../../export/exporter.ts';
import type { LabelValues } from '../../telemetry/metric-catalogue.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { KeptLog } from './keep-log.ts';

type Rows = readonly (readonly [LabelValues<'exportLagEntries'>, number])[];

/** Measures exporters and witnesses of a log, and says how they are; calls are served whatever becomes of them. */
export function watchKeptLog(
  { exports, witnesses, retaining }: KeptLog,
  { meters, checks }: Telemetry,
  clock: Clock,
): void {
  const rows = (value: (one: ExportStatus) => number) => (): Rows =>
    exports.status().map((one) => [[one.destination, one.origin], value(one)]);
  meters.gauge(
    'exportLagEntries',
    rows(({ lagEntries }) => lagEntries),
  );
  meters.gauge(
    'exportLagSeconds',
    rows(({ lagMilliseconds }) => lagMilliseconds / 1_000),
  );
  meters.gauge(
    'exportTaken',
    rows(({ taken }) => taken),
  );
  meters.gauge(
    'exportStopped',
    rows(({ state }) => (state === 'stopped' ? 1 : 0)),
  );
  meters.gauge('witnessedEntries', () => witnesses.status().map(({ witness, size }) => [[witness], size]));
  meters.gauge('witnessedAge', () =>
    witnesses.status().map(({ witness, at }) => [[witness], at === null ? -1 : (clock.now() - at) / 1_000]),
  );
  checks.addAll('told', () =>
    exports.status().map(({ destination, origin, state, behind, lagEntries, problem }) => ({
      name: `export ${destination} of ${origin}`,
      ok: state === 'exporting' && !behind,
      detail: problem ?? (behind ? `${lagEntries} entries wait` : 'exporting'),
    })),
  );
  checks.addAll('told', () =>
    witnesses.status().map(({ witness, size, problem }) => ({
      name: `witness ${witness}`,
      ok: problem === null,
      detail: problem ?? `${size} entries signed`,
    })),
  );
  if (!retaining) return;
  meters.gauge('auditRemoved', () => retaining.status().removed);
  meters.gauge('auditRetentionWaiting', () => (retaining.status().waiting === null ? 0 : 1));
  checks.add('audit-retention', 'told', () => {
    const { removed, waiting } = retaining.status();
    return { ok: waiting === null, detail: waiting ?? `${removed} entries removed` };
  });
}
