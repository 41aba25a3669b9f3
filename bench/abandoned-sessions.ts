import type { Contestant } from './contestants.ts';
import { measure } from './measure.ts';
import { residentKibibytes } from './process-cost.ts';
import type { Rig } from './rig.ts';

/** What sessions that a client opens and never comes back to leave behind. */
export interface Abandoned {
  readonly sessions: number;
  readonly perSecond: number;
  /** Resident memory in MiB after the first part, and after all of them. */
  readonly first: number;
  readonly last: number;
  readonly failures: number;
}

/** So many are opened before the first measure: memory that is taken once is not a leak. */
const firstPart = 20_000;

export async function measureAbandoned(rig: Rig, contestant: Contestant, count: number): Promise<Abandoned> {
  const seen = { requests: 0, failures: 0, milliseconds: 0 };
  const open = async (until: number): Promise<number> => {
    while (seen.requests < until) {
      const task = { answer: 'session', connections: 32, milliseconds: 2_000, session: 'opens' } as const;
      const { requests, failures } = await measure(rig, contestant, task);
      if (requests === 0) throw new Error(`${contestant.name} opens no session.`);
      seen.requests += requests;
      seen.failures += failures;
      seen.milliseconds += task.milliseconds;
    }
    return residentKibibytes(contestant.pids()) / 1_024;
  };
  const first = await open(Math.min(firstPart, count / 2));
  const last = await open(count);
  return {
    sessions: seen.requests,
    perSecond: (seen.requests * 1_000) / seen.milliseconds,
    first,
    last,
    failures: seen.failures,
  };
}
