import type { ExportStatus } from '../../export/exporter.ts';

/** What the exporters of a log say of themselves; calls are served whatever becomes of them. */
export function addExports(
  exporters: readonly ExportStatus[],
  into: {
    readonly parts: Record<string, { ok: boolean; detail: string }>;
    readonly metrics: Record<string, number>;
  },
): void {
  for (const one of exporters) {
    const { destination, origin, state, behind, lagEntries, lagMilliseconds, taken, problem } = one;
    into.parts[`export ${destination} of ${origin}`] = {
      ok: state === 'exporting' && !behind,
      detail: problem ?? (behind ? `${lagEntries} entries wait` : 'exporting'),
    };
    const labels = `{destination="${destination}",log="${origin}"}`;
    into.metrics[`export_lag_entries${labels}`] = lagEntries;
    into.metrics[`export_lag_seconds${labels}`] = lagMilliseconds / 1_000;
    into.metrics[`export_taken_total${labels}`] = taken;
    into.metrics[`export_stopped${labels}`] = state === 'stopped' ? 1 : 0;
  }
}
