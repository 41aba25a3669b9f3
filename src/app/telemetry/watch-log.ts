import { statfs } from 'node:fs/promises';
import type { AuditLog } from '../../audit/log.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';

/** Measures a log and what is left of its disk; nothing is served while it cannot be written. */
export function watchLog(
  log: Pick<AuditLog, 'health'>,
  { meters, checks }: Telemetry,
  { name, folder }: { readonly name: 'authority' | 'gateway'; readonly folder: string },
): void {
  let free: number | null = null;
  meters.beforeReading(async () => {
    const { bavail, bsize } = await statfs(folder);
    free = bavail * bsize;
  });
  meters.gauge('auditDiskFree', () => (free === null ? null : [[[name], free]]));
  meters.gauge('auditWritable', () => [[[name], log.health().writable ? 1 : 0]]);
  meters.gauge('auditQueue', () => [[[name], log.health().waiting]]);
  checks.add(`${name}-log`, 'needed', () => {
    const { writable, reason } = log.health();
    return { ok: writable, detail: reason ?? 'writable' };
  });
}
