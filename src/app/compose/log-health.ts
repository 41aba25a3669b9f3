import type { KeptLog } from './keep-log.ts';

/** What exporters and witnesses of a log say of themselves; calls are served whatever becomes of them. */
export function addKeptLog(
  { exports, witnesses, retaining }: KeptLog,
  now: number,
  into: {
    readonly parts: Record<string, { ok: boolean; detail: string }>;
    readonly metrics: Record<string, number>;
  },
): void {
  for (const one of exports.status()) {
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
  for (const { witness, size, at, problem } of witnesses.status()) {
    into.parts[`witness ${witness}`] = { ok: problem === null, detail: problem ?? `${size} entries signed` };
    into.metrics[`witnessed_entries{witness="${witness}"}`] = size;
    into.metrics[`witnessed_age_seconds{witness="${witness}"}`] = at === null ? -1 : (now - at) / 1_000;
  }
  if (retaining) {
    const { removed, waiting } = retaining.status();
    into.parts['audit-retention'] = { ok: waiting === null, detail: waiting ?? `${removed} entries removed` };
    into.metrics['audit_removed_entries'] = removed;
    into.metrics['audit_retention_waiting'] = waiting === null ? 0 : 1;
  }
}
