import { Fault } from '../../kernel/fault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ProofReplays } from './ports.ts';

/** Proofs that are remembered, of all agents and of one: more than anybody makes in the time that a proof is good. */
const most = 262_144;
const mostOfOne = 32_768;

interface Taken {
  readonly agent: string;
  readonly endsAt: number;
}

/** Used proofs in the memory of one gateway. Where there is no room nothing is let in: what is forgotten could come again. */
export function memoryReplays(clock: Clock): ProofReplays {
  const taken = new Map<string, Taken>();
  const counts = new Map<string, number>();
  const forget = (proof: string, { agent }: Taken): void => {
    taken.delete(proof);
    const left = (counts.get(agent) ?? 1) - 1;
    if (left === 0) counts.delete(agent);
    else counts.set(agent, left);
  };
  return {
    take({ agent, proof, milliseconds }) {
      const now = clock.monotonic();
      // All are kept for as long, so they end in the order in which they came.
      for (const [each, held] of taken) {
        if (held.endsAt > now) break;
        forget(each, held);
      }
      if (taken.has(proof)) return false;
      const count = counts.get(agent) ?? 0;
      if (taken.size >= most || count >= mostOfOne) {
        const detail = 'More proofs were shown lately than are remembered, so none is accepted for a moment.';
        throw new Fault('unavailable', detail, { retryAfterMilliseconds: 10_000 });
      }
      taken.set(proof, { agent, endsAt: now + milliseconds });
      counts.set(agent, count + 1);
      return true;
    },
  };
}
