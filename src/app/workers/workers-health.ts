import { byWorker, type Report } from '../../telemetry/by-worker.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Workers } from './run-workers.ts';

/** What this process measures and how it is. */
export async function reportOf({ meters, checks }: Telemetry): Promise<Report> {
  return { health: checks.health(), readings: await meters.read() };
}

/** The same with what its workers say. */
export async function withWorkers(own: Report, workers: Pick<Workers, 'ask' | 'count'>): Promise<Report> {
  return byWorker(own, await workers.ask<Report>('health', null), workers.count);
}
