import type { Health } from '../listeners/ops-routes.ts';
import type { Workers } from './run-workers.ts';

/**
 * What a process says of itself and of its workers: each of their parts and metrics by the worker's number. It can serve when it
 * could itself and one worker can.
 */
export async function withWorkers(own: Health, workers: Pick<Workers, 'ask' | 'count'>): Promise<Health> {
  const answers = await workers.ask<Health>('health', null);
  const parts = { ...own.parts };
  const metrics = { ...own.metrics };
  const missing = workers.count - answers.size;
  const detail = missing === 0 ? `${workers.count} at work` : `${missing} of ${workers.count} start anew`;
  parts['workers'] = { ok: missing === 0, detail };
  metrics['workers'] = answers.size;
  for (const [number, health] of answers) {
    for (const [name, part] of Object.entries(health.parts)) parts[`worker ${number} ${name}`] = part;
    for (const [name, value] of Object.entries(health.metrics)) metrics[labelled(name, number)] = value;
  }
  return { ready: own.ready && [...answers.values()].some(({ ready }) => ready), parts, metrics };
}

/** A metric of Prometheus with one label more. */
function labelled(name: string, worker: number): string {
  const label = `worker="${worker}"`;
  return name.endsWith('}') ? `${name.slice(0, -1)},${label}}` : `${name}{${label}}`;
}
